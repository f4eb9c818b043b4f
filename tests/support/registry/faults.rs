//! Failures on demand: single ones that a test arms, and seeded random ones.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::log::Kind;

/// A failure to be armed with [`Registry::fault`](super::Registry::fault).
///
/// A request meets a fault if every condition that is set holds. The first armed fault that a
/// request meets, and whose `skip` is used up, decides it; a fault with `times` used up is gone.
///
/// ```ignore
/// registry.fault(Fault::on(Kind::UploadPut, Action::ResetAfterBytes(1000)).skip(1).times(2));
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    /// The request's method, if it matters.
    pub method: Option<&'static str>,
    /// The request's kind, if it matters.
    pub kind: Option<Kind>,
    /// A part of the path or query (`path?query`), if it matters.
    pub path: Option<String>,
    /// How many requests that meet the conditions are let through first.
    pub skip: usize,
    /// How many requests are struck after that; `usize::MAX` for all.
    pub times: usize,
    /// What happens to them.
    pub action: Action,
}

impl Fault {
    /// Strikes the next request of this kind, once.
    pub fn on(kind: Kind, action: Action) -> Fault {
        Fault { kind: Some(kind), ..Fault::any(action) }
    }

    /// Strikes the next request, whatever it is, once.
    pub fn any(action: Action) -> Fault {
        Fault { method: None, kind: None, path: None, skip: 0, times: 1, action }
    }

    /// Only requests with this method.
    pub fn method(self, method: &'static str) -> Fault {
        Fault { method: Some(method), ..self }
    }

    /// Only requests with this text in `path?query`.
    pub fn path(self, part: impl Into<String>) -> Fault {
        Fault { path: Some(part.into()), ..self }
    }

    /// Lets this many through first.
    pub fn skip(self, skip: usize) -> Fault {
        Fault { skip, ..self }
    }

    /// Strikes this many.
    pub fn times(self, times: usize) -> Fault {
        Fault { times, ..self }
    }

    /// Strikes every one.
    pub fn always(self) -> Fault {
        self.times(usize::MAX)
    }

    fn meets(&self, method: &str, kind: Kind, target: &str) -> bool {
        self.method.is_none_or(|wanted| wanted == method)
            && self.kind.is_none_or(|wanted| wanted == kind)
            && self.path.as_ref().is_none_or(|part| target.contains(part.as_str()))
    }
}

/// What a fault does to a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// Answers this status, with an error document if there is a code. The request is not carried out.
    Status(u16, Option<&'static str>),
    /// Answers this status with `Retry-After` in seconds. The request is not carried out.
    StatusWithRetryAfter(u16, u64),
    /// Resets the connection when the request's head has been read.
    ResetBeforeBody,
    /// Resets the connection when this many bytes of the request's body have been read. What an
    /// upload session had received by then stays in it. A body that is shorter is carried out
    /// and its answer lost.
    ResetAfterBytes(usize),
    /// Carries the request out, then resets the connection instead of answering.
    ResetBeforeResponse,
    /// Announces the whole body, sends this many bytes of it and closes the connection.
    TruncateResponse(usize),
    /// Carries the request out, and answers 200 with these bytes whatever was asked. The other
    /// headers, `Docker-Content-Digest` among them, stay.
    WrongBody(Vec<u8>),
    /// Answers with a `Docker-Content-Digest` of other bytes.
    WrongDigestHeader,
    /// Carries the request out this much later.
    Delay(Duration),
    /// Answers without `Location`.
    NoLocation,
    /// Answers without `Docker-Content-Digest`.
    DropDigestHeader,
}

/// Random failures for a share of all requests: 429, 503, a reset before the request is carried
/// out, or a reset after it.
///
/// Which requests are struck depends on the seed, on what a request asks for and on how often that
/// was asked before, not on the order in which requests for different things arrive. (Session numbers do
/// not count: the starts of two uploads into one repository ask for the same.) No more than two requests
/// that ask for the same are struck in a row, so a single client gets through with its third try.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// Another seed strikes other requests.
    pub seed: u64,
    /// The share of the requests, 0 to 100.
    pub percent: u32,
}

/// What is armed, and what chaos remembers.
#[derive(Default)]
pub(super) struct Faults {
    armed: Vec<Fault>,
    asked: HashMap<String, Asked>,
}

#[derive(Default)]
struct Asked {
    times: u64,
    struck_in_a_row: u32,
}

const STRUCK_IN_A_ROW: u32 = 2;
const MOST_ASKED: usize = 100_000;

impl Faults {
    pub(super) fn arm(&mut self, fault: Fault) {
        self.armed.push(fault);
    }

    pub(super) fn disarm(&mut self) {
        self.armed.clear();
    }

    /// The action of the first armed fault that this request meets.
    pub(super) fn strike(&mut self, method: &str, kind: Kind, target: &str) -> Option<Action> {
        let mut action = None;
        for fault in &mut self.armed {
            if fault.times == 0 || !fault.meets(method, kind, target) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.times != usize::MAX {
                fault.times -= 1;
            }
            action = Some(fault.action.clone());
            break;
        }
        self.armed.retain(|fault| fault.times > 0);
        action
    }

    /// What chaos does to a request; `asks` names what it asks for, without session numbers.
    pub(super) fn chaos(&mut self, chaos: Chaos, asks: &str) -> Option<Action> {
        if self.asked.len() >= MOST_ASKED {
            self.asked.clear();
        }
        let asked = self.asked.entry(asks.to_owned()).or_default();
        asked.times += 1;
        let mut hash = Sha256::new();
        hash.update(chaos.seed.to_le_bytes());
        hash.update(asked.times.to_le_bytes());
        hash.update(asks.as_bytes());
        let hash = hash.finalize();
        let draw = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]) % 100;
        if draw >= chaos.percent || asked.struck_in_a_row >= STRUCK_IN_A_ROW {
            asked.struck_in_a_row = 0;
            return None;
        }
        asked.struck_in_a_row += 1;
        Some(match hash[4] % 4 {
            0 => Action::Status(429, Some("TOOMANYREQUESTS")),
            1 => Action::Status(503, Some("UNAVAILABLE")),
            2 => Action::ResetAfterBytes(usize::from(u16::from_le_bytes([hash[5], hash[6]]))),
            _ => Action::ResetBeforeResponse,
        })
    }
}
