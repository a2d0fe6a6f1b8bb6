//! The outbox and a real mail server through an outage of each kind, counted.

use std::collections::BTreeMap;

use carelogd::alerts::{Channels, Letter, Notice, Occasion, Outbox, Undelivered, Way, Ways};
use carelogd::catalog::{AlertChange, Catalog, NewNotice};
use carelogd::clock::Clock;
use carelogd::config::MailTls;
use carelogd::model::ChannelKind;
use jiff::SignedDuration;
use tempfile::TempDir;

use super::{clock, delivery, noon, notice};
use crate::support::smtp::{Security, SmtpServer};

const ANNA: &str = "anna@clinic.test";
const BEN: &str = "ben@clinic.test";

/// An outbox with its catalog.
struct Site {
    outbox: Outbox,
    catalog: Catalog,
    clock: Clock,
    dir: TempDir,
}

impl Site {
    fn new() -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), clock());
        let (catalog, _opened) = Catalog::open(&dir.path().join("catalog.db"), clock.now()).unwrap();
        Self { outbox: Outbox::new(catalog.clone(), clock.clone()), catalog, clock, dir }
    }

    fn write(&self, recipient: &str, notice: &Notice) {
        let new = NewNotice {
            channel: ChannelKind::Email,
            recipient: recipient.to_owned(),
            notice: serde_json::to_string(notice).unwrap(),
        };
        self.catalog.apply_alerts(&[] as &[AlertChange], &[new], self.clock.now()).unwrap();
    }

    /// Delivers what is due, and moves the clock to when it wants to be called again. False when nothing waits.
    fn step(&self, channels: &dyn Channels) -> bool {
        let Some(next) = self.outbox.deliver_due(channels).unwrap() else { return false };
        let wait = next.duration_since(self.clock.now()).max(SignedDuration::from_secs(1));
        self.clock.advance(wait);
        true
    }

    /// Delivers until nothing waits; how often the clock was moved.
    #[track_caller]
    fn until_empty(&self, channels: &dyn Channels) -> usize {
        (0..500).find(|_| !self.step(channels)).expect("it never ends")
    }

    fn waiting(&self) -> u64 {
        self.catalog.notices_status(self.clock.now()).unwrap().waiting
    }

    fn hours(&self) -> i64 {
        self.clock.now().duration_since(noon()).as_hours()
    }
}

/// How often each letter lies in the mailboxes, by its Message-ID.
fn counted(server: &SmtpServer) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for mail in server.mails() {
        *counted.entry(mail.header("Message-ID").unwrap()).or_default() += 1;
    }
    counted
}

#[test]
fn whatever_a_server_does_each_letter_arrives_once_when_it_does_it_no_more() {
    for mode in ["greylist", "reject", "datafail", "busy", "drop", "noauth", "nostarttls", "gone"] {
        let Some(mut server) = SmtpServer::start(Security::StartTls) else { return };
        let site = Site::new();
        let ways = Ways::new(Some(server.email(MailTls::StartTls, &[])), &[], site.clock.clone());
        for n in 0..5 {
            site.write(ANNA, &notice(n));
            site.write(BEN, &notice(n));
        }
        if mode == "gone" {
            server.go();
        } else {
            server.mode(mode);
        }
        // For a working day somebody looks on.
        while site.hours() < 8 {
            assert!(site.step(&delivery(&ways)), "{mode}");
        }
        assert_eq!((site.waiting(), server.mails().len()), (10, 0), "{mode}");
        let status = site.catalog.notices_status(site.clock.now()).unwrap();
        assert!(status.last_error.is_some() && status.failing_since == Some(noon()), "{mode} {status:?}");
        // About thirteen times somebody looked whether it does it still: not for each letter, and not each minute.
        assert!(server.connections() < 30, "{mode}: {} connections", server.connections());

        if mode == "gone" {
            server.come_back();
        } else {
            server.mode("");
        }
        site.until_empty(&delivery(&ways));
        let counted = counted(&server);
        assert_eq!((counted.len(), counted.values().max()), (10, Some(&1)), "{mode} {counted:?}");
        assert!(site.hours() < 11, "{mode}: it took until hour {}", site.hours());
    }
}

#[test]
fn a_server_that_takes_a_mail_and_does_not_say_so_gets_it_again_with_the_same_message_id() {
    for mode in ["unheard", "stall"] {
        let Some(server) = SmtpServer::start(Security::StartTls) else { return };
        let site = Site::new();
        let ways = Ways::new(Some(server.email(MailTls::StartTls, &[])), &[], site.clock.clone());
        site.write(ANNA, &notice(1));
        server.mode(mode);
        assert!(site.step(&delivery(&ways)), "{mode}");
        server.mode("");
        site.until_empty(&delivery(&ways));
        assert_eq!(counted(&server).into_values().collect::<Vec<_>>(), [2], "{mode}");
    }
}

#[test]
fn when_the_server_is_back_everything_that_waited_for_it_goes_at_once() {
    let Some(mut server) = SmtpServer::start(Security::Plain) else { return };
    let site = Site::new();
    let ways = Ways::new(Some(server.email(MailTls::None, &[])), &[], site.clock.clone());
    server.go();
    // One each hour, so that each stands elsewhere in its waiting.
    for n in 0..10 {
        site.write(ANNA, &notice(n));
        while site.hours() < i64::from(n) + 1 {
            site.step(&delivery(&ways));
        }
    }
    server.come_back();
    site.write(ANNA, &notice(10));
    site.outbox.deliver_due(&delivery(&ways)).unwrap();
    assert_eq!((site.waiting(), server.mails().len(), server.connections()), (0, 11, 1));
}

/// Takes everything, and remembers it.
#[derive(Default)]
struct Recorder {
    letters: std::cell::RefCell<Vec<Letter>>,
    refuses: std::cell::Cell<bool>,
}

impl Channels for Recorder {
    fn deliver(&self, _way: &Way, letters: &[Letter], done: &mut dyn FnMut(usize, Result<String, Undelivered>)) {
        for (index, letter) in letters.iter().enumerate() {
            if self.refuses.get() {
                return done(index, Err(Undelivered::Unreachable("closed".to_owned())));
            }
            self.letters.borrow_mut().push(letter.clone());
            done(index, Ok("250 taken".to_owned()));
        }
    }
}

impl Recorder {
    /// Recipient, occasion, and how many earlier ones it stands for.
    fn stages(&self) -> Vec<(String, Occasion, usize)> {
        let stage = |letter: &Letter| {
            (letter.recipient.clone(), letter.notice.occasion, letter.earlier.map_or(0, |earlier| earlier.count))
        };
        self.letters.borrow().iter().map(stage).collect()
    }
}

fn stage(n: u32, key: &str, occasion: Occasion) -> Notice {
    Notice { key: key.to_owned(), occasion, ..notice(n) }
}

#[test]
fn of_the_stages_of_an_alert_only_the_newest_is_sent_and_it_says_so() {
    let (site, channel) = (Site::new(), Recorder::default());
    channel.refuses.set(true);
    site.write(ANNA, &stage(1, "low_disk", Occasion::Fired));
    site.write(ANNA, &notice(2));
    site.step(&channel);
    site.write(ANNA, &stage(3, "low_disk", Occasion::Reminder));
    site.write(ANNA, &stage(4, "missing_backup/data", Occasion::Fired));
    site.write(BEN, &stage(5, "low_disk", Occasion::Fired));
    site.step(&channel);
    site.write(ANNA, &stage(6, "low_disk", Occasion::Resolved));
    site.write(ANNA, &notice(7));
    channel.refuses.set(false);
    site.until_empty(&channel);
    let mut stages = channel.stages();
    stages.sort_by_key(|(recipient, occasion, count)| (recipient.clone(), occasion.as_str(), *count));
    let expected = [
        (ANNA, Occasion::Fired, 0),
        (ANNA, Occasion::Happened, 0),
        (ANNA, Occasion::Happened, 0),
        (ANNA, Occasion::Resolved, 2),
        (BEN, Occasion::Fired, 0),
    ];
    assert_eq!(stages, expected.map(|(recipient, occasion, count)| (recipient.to_owned(), occasion, count)));
    // What was delivered is not merged with what comes later.
    site.write(ANNA, &stage(8, "low_disk", Occasion::Fired));
    site.until_empty(&channel);
    assert_eq!(channel.stages().last(), Some(&(ANNA.to_owned(), Occasion::Fired, 0)));
}

#[test]
fn a_letter_is_given_up_after_three_days_and_not_before() {
    let (site, channel) = (Site::new(), Recorder::default());
    channel.refuses.set(true);
    site.write(ANNA, &notice(1));
    while site.hours() < 71 {
        assert!(site.step(&channel));
    }
    assert_eq!(site.waiting(), 1);
    site.until_empty(&channel);
    assert!((72..75).contains(&site.hours()), "{}", site.hours());
    let status = site.catalog.notices_status(site.clock.now()).unwrap();
    assert_eq!((status.waiting, status.given_up, status.last_error.as_deref()), (0, 1, Some("closed")));
    channel.refuses.set(false);
    site.until_empty(&channel);
    assert_eq!(channel.stages().len(), 0, "what was given up stays so");
}

#[test]
fn a_clock_that_jumps_by_years_gives_up_nothing_that_was_hardly_tried() {
    let (site, channel) = (Site::new(), Recorder::default());
    channel.refuses.set(true);
    site.write(ANNA, &notice(1));
    site.clock.advance(SignedDuration::from_hours(64 * 365 * 24));
    site.step(&channel);
    assert_eq!(site.waiting(), 1);
    // And set right again, it does not wait until then.
    site.clock.advance(SignedDuration::from_hours(-64 * 365 * 24));
    channel.refuses.set(false);
    site.outbox.deliver_due(&channel).unwrap();
    assert_eq!(channel.stages().len(), 1);
}

#[test]
fn a_flood_goes_out_a_few_at_a_time_and_whole() {
    let (site, channel) = (Site::new(), Recorder::default());
    for n in 0..100 {
        site.write(ANNA, &notice(n));
    }
    site.outbox.deliver_due(&channel).unwrap();
    assert_eq!(channel.stages().len(), 30);
    site.outbox.deliver_due(&channel).unwrap();
    assert_eq!(channel.stages().len(), 30, "not within the same minute");
    site.until_empty(&channel);
    assert_eq!(channel.stages().len(), 100);
    assert!(site.clock.now().duration_since(noon()) <= SignedDuration::from_mins(4));
    let titles: Vec<_> = channel.letters.borrow().iter().map(|letter| letter.notice.title.clone()).collect();
    assert_eq!(titles, (0..100).map(|n| format!("number {n}")).collect::<Vec<_>>());
}

#[test]
fn what_was_to_go_a_way_that_was_taken_out_of_the_configuration_goes_nowhere() {
    let site = Site::new();
    let ways = Ways::new(None, &[], site.clock.clone());
    site.write(ANNA, &notice(1));
    site.write(BEN, &notice(1));
    assert_eq!(site.outbox.deliver_due(&delivery(&ways)).unwrap(), None);
    let status = site.catalog.notices_status(site.clock.now()).unwrap();
    assert_eq!((status.waiting, status.given_up), (0, 0));
}

#[test]
fn a_restart_in_the_middle_of_an_outage_changes_nothing() {
    let (mut site, channel) = (Site::new(), Recorder::default());
    channel.refuses.set(true);
    site.write(ANNA, &stage(1, "low_disk", Occasion::Fired));
    site.step(&channel);
    site.write(ANNA, &stage(2, "low_disk", Occasion::Reminder));
    let (catalog, _opened) = Catalog::open(&site.dir.path().join("catalog.db"), site.clock.now()).unwrap();
    site.outbox = Outbox::new(catalog, site.clock.clone());
    channel.refuses.set(false);
    site.until_empty(&channel);
    assert_eq!(channel.stages(), [(ANNA.to_owned(), Occasion::Reminder, 1)]);
}
