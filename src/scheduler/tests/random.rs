//! Whatever happens, each due time is decided on once: it ran or it was counted.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The clock goes on, or back, and somebody looks.
    Move(i64),
    /// The same, and the daemon was restarted before anybody looked.
    Restart(i64),
    /// What runs ends.
    EndJobs,
    /// Somebody runs it by hand.
    RunNow,
    /// Somebody edits what it does, not when.
    Edit(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_i64..200).prop_map(Step::Move),
        2 => (200_i64..6000).prop_map(Step::Move),
        2 => (-1200_i64..0).prop_map(Step::Move),
        2 => (0_i64..3000).prop_map(Step::Restart),
        5 => Just(Step::EndJobs),
        1 => Just(Step::RunNow),
        1 => (0_u64..3).prop_map(Step::Edit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_due_time_either_ran_or_was_counted_and_none_ran_twice(
        steps in prop::collection::vec(step(), 1..60),
        cron in prop::sample::select(&["@hourly", "0 0 * * *", "*/20 8-18 * * *", "30 2 * * 1"][..]),
        jitter in 0_u64..90,
    ) {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let jitter = Duration::from_mins(jitter);
        let mut schedules = [Schedule { jitter, timezone: zone.clone(), ..schedule("any", cron) }];
        let mut stage = Stage::at("2026-03-20T12:00:07Z", &schedules);
        let begun = stage.clock.now();
        let mut by_hand = 0;
        for step in steps {
            match step {
                Step::Move(minutes) | Step::Restart(minutes) => {
                    stage.clock.advance(SignedDuration::from_mins(minutes));
                    if let Step::Restart(_) = step {
                        stage.restart(&schedules);
                    }
                    // More than a day behind what was decided last it begins anew: that is another test's.
                    let ahead = stage.state("any").considered_until.duration_since(stage.clock.now());
                    if ahead > SignedDuration::from_hours(20) {
                        stage.clock.advance(ahead);
                    }
                }
                Step::EndJobs => stage.end_jobs(),
                Step::RunNow => by_hand += usize::from(stage.scheduler.run_now("any", &alice(), &by_alice()).is_ok()),
                Step::Edit(hours) => {
                    schedules[0].catch_up = Duration::from_hours(hours);
                    stage.scheduler.set_schedules(schedules.to_vec()).unwrap();
                }
            }
            stage.tick();
            let state = stage.state("any");
            let until = state.considered_until;
            let due = schedules[0].cron.upcoming(begun, &zone).take_while(|due| *due <= until).count() as u64;
            let ran = (stage.jobs().len() - by_hand) as u64;
            prop_assert_eq!(ran + state.skipped, due, "{:?}", state);
        }
        let due_of_jobs: Vec<_> = stage.catalog.audit_records(&AuditFilter::default()).unwrap().into_iter()
            .filter_map(|record| record.entry.parameters.get("due").cloned()).collect();
        let mut once = due_of_jobs.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), due_of_jobs.len());
    }
}
