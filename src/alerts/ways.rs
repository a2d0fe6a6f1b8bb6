//! The ways out that the configuration has: the mail server and the webhooks.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::letter::{Channels, Letter, Undelivered, Way};
use super::mail::{MailTimeouts, Mailer};
use super::webhook::Caller;
use crate::clock::Clock;
use crate::config::{Email, Webhook};
use crate::model::ChannelKind;

/// The ways out. Replaced whole by a reload.
#[derive(Debug)]
pub struct Ways {
    mailer: Option<Mailer>,
    callers: BTreeMap<String, Caller>,
    clock: Clock,
}

/// What came of trying one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The way.
    pub channel: ChannelKind,
    /// The address, or the webhook's name.
    pub recipient: String,
    /// What the other side answered, or why the letter did not arrive.
    pub answer: Result<String, String>,
}

impl Ways {
    /// The ways of this configuration.
    #[must_use]
    pub fn new(email: Option<Email>, webhooks: &[Webhook], clock: Clock) -> Self {
        let callers = webhooks.iter().map(|webhook| (webhook.name.clone(), Caller::new(webhook.clone()))).collect();
        Self { mailer: email.map(|email| Mailer::new(email, clock.clone())), callers, clock }
    }

    /// Whether there is nobody to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mailer.is_none() && self.callers.values().all(|caller| caller.webhook().heartbeat.is_some())
    }

    /// Delivers until `stop` is cancelled. Blocks, and must not be called on a thread of an async runtime.
    #[must_use]
    pub const fn until(&self, stop: CancellationToken) -> Delivery<'_> {
        Delivery { ways: self, stop, timeouts: MailTimeouts::DELIVERY, within: None }
    }

    /// Sends `letter` of a test to each admin and each other address of `also`, and to each webhook that is told of
    /// events; what each answered, or that it did not do so `within` that time. Blocks, as [`Delivery`] does.
    #[must_use]
    pub fn test(&self, letter: &Letter, also: &[String], within: Duration) -> Vec<Tried> {
        let stop = CancellationToken::new();
        let delivery = Delivery { ways: self, stop, timeouts: MailTimeouts::TEST, within: Some(within) };
        let to = |recipient: &str| Letter { recipient: recipient.to_owned(), ..letter.clone() };
        let mut batches = Vec::new();
        if let Some(mailer) = &self.mailer {
            let mut recipients: Vec<&String> = Vec::new();
            for address in mailer.email().admins.iter().chain(also) {
                if !recipients.iter().any(|known| known.eq_ignore_ascii_case(address)) {
                    recipients.push(address);
                }
            }
            let letters: Vec<_> = recipients.iter().map(|recipient| to(recipient)).collect();
            batches.push((Way::Mail, ChannelKind::Email, letters));
        }
        for name in self.told_of_events() {
            batches.push((Way::Webhook(name.to_owned()), ChannelKind::Webhook, vec![to(name)]));
        }
        // All at once: one that is silent is not to take the time of the others.
        std::thread::scope(|scope| {
            let start = |(way, channel, letters): &(Way, ChannelKind, Vec<Letter>)| {
                let (way, channel, letters, delivery) = (way.clone(), *channel, letters.clone(), delivery.clone());
                scope.spawn(move || delivery.try_all(&way, channel, &letters))
            };
            let running: Vec<_> = batches.iter().map(start).collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        })
    }

    fn told_of_events(&self) -> impl Iterator<Item = &str> {
        let of_events = |caller: &&Caller| caller.webhook().heartbeat.is_none();
        self.callers.values().filter(of_events).map(|caller| caller.webhook().name.as_str())
    }
}

/// The ways, for as long as nobody asks to stop.
#[derive(Clone, Debug)]
pub struct Delivery<'w> {
    ways: &'w Ways,
    stop: CancellationToken,
    timeouts: MailTimeouts,
    /// How long it may take in all.
    within: Option<Duration>,
}

impl Delivery<'_> {
    /// The same with less or more patience.
    #[must_use]
    pub fn with_timeouts(self, timeouts: MailTimeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// The callers of heartbeats.
    pub(super) fn heartbeats(&self) -> impl Iterator<Item = &Caller> {
        self.ways.callers.values().filter(|caller| caller.webhook().heartbeat.is_some())
    }

    /// Calls a heartbeat; what the server answered, or why it could not.
    pub(super) fn beat(&self, caller: &Caller) -> Result<String, String> {
        let mut answer = Err("the daemon is being stopped".to_owned());
        let caller = caller.clone();
        let beaten = self.run(async {
            let beaten = aside(move || caller.beat()).await;
            answer = beaten.unwrap_or_else(|| Err("the request was broken off".to_owned()));
        });
        beaten.map_err(|error| error.to_string())?;
        answer
    }

    /// Runs `work` until it is done, or nobody is to wait for it any longer.
    fn run(&self, work: impl Future<Output = ()>) -> std::io::Result<()> {
        // A runtime of its own, so that a name server that never answers holds up nobody else.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let late = async {
                match self.within {
                    Some(within) => tokio::time::sleep(within).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = late => {}
                () = work => {}
            }
        });
        runtime.shutdown_background();
        Ok(())
    }

    /// Every letter with its answer. What is wrong with the way is the answer to all that were not tried for it.
    fn try_all(&self, way: &Way, channel: ChannelKind, letters: &[Letter]) -> Vec<Tried> {
        let mut answers: Vec<Option<Result<String, String>>> = vec![None; letters.len()];
        let mut why_not = "it did not answer in time, or one before it did not".to_owned();
        self.deliver(way, letters, &mut |index, answer| {
            if let Err(Undelivered::Unreachable(why)) = &answer {
                why_not.clone_from(why);
            }
            if let Some(slot) = answers.get_mut(index) {
                *slot = Some(answer.map_err(|error| error.to_string()));
            }
        });
        let tried = |(letter, answer): (&Letter, Option<Result<String, String>>)| Tried {
            channel,
            recipient: letter.recipient.clone(),
            answer: answer.unwrap_or_else(|| Err(why_not.clone())),
        };
        letters.iter().zip(answers).map(tried).collect()
    }

    async fn deliver_by_webhook(
        &self,
        name: &str,
        letters: &[Letter],
        done: &mut dyn FnMut(usize, Result<String, Undelivered>),
    ) {
        let Some(caller) = self.ways.callers.get(name).filter(|caller| caller.webhook().heartbeat.is_none()) else {
            return done(0, Err(Undelivered::Gone));
        };
        for (index, letter) in letters.iter().enumerate() {
            let (caller, letter, now) = (caller.clone(), letter.clone(), self.ways.clock.now());
            let answer = aside(move || caller.post(&letter, now)).await;
            let answer =
                answer.unwrap_or_else(|| Err(Undelivered::Unreachable("the request was broken off".to_owned())));
            let ends = matches!(answer, Err(Undelivered::Unreachable(_)));
            done(index, answer);
            if ends {
                return;
            }
        }
    }
}

impl Channels for Delivery<'_> {
    fn deliver(&self, way: &Way, letters: &[Letter], done: &mut dyn FnMut(usize, Result<String, Undelivered>)) {
        if letters.is_empty() {
            return;
        }
        let tried = self.run(async {
            match (way, &self.ways.mailer) {
                (Way::Mail, Some(mailer)) => mailer.deliver(letters, self.timeouts, done).await,
                (Way::Mail, None) => done(0, Err(Undelivered::Gone)),
                (Way::Webhook(name), _) => self.deliver_by_webhook(name, letters, done).await,
            }
        });
        if let Err(error) = tried {
            done(0, Err(Undelivered::Unreachable(format!("it could not be tried: {error}"))));
        }
    }
}

/// Runs what blocks on a thread of its own, which nobody waits for once the daemon is to end. `None` when it panicked or
/// there is no thread to be had.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (send, receive) = oneshot::channel();
    let thread = std::thread::Builder::new().name("webhook".to_owned());
    let started = thread.spawn(move || {
        let _nobody_waits = send.send(work());
    });
    started.ok()?;
    receive.await.ok()
}
