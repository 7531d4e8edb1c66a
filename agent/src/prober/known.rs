//! What is known of one peer, and what it is told and tells.

use std::time::Duration;

use api::{Name, Probe};
use tokio::time::Instant;

use super::{
    HEADERS, MAX_ANSWERS, REPORT, Way,
    path::Path,
    size::Sizes,
    wire::{Answer, Datagram, LENGTH},
};

/// What is known of one peer.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) underlay: Path,
    pub(super) tunnel: Path,
    /// Where plain packets are to go without a tunnel.
    pub(super) direct: Option<Path>,
    pub(super) sizes: Sizes,
    /// Requests that came through the tunnel and when: their answers wait.
    pub(super) owed: Vec<(Datagram, Instant)>,
    /// Requests answered within the second that began then.
    pub(super) answers: (Instant, u32),
}

impl Known {
    pub(super) fn path(&mut self, way: Way) -> Option<&mut Path> {
        match way {
            Way::Underlay => Some(&mut self.underlay),
            Way::Tunnel => Some(&mut self.tunnel),
            Way::Direct => self.direct.as_mut(),
        }
    }

    /// Whether it may be answered once more.
    pub(super) fn may_answer(&mut self, now: Instant) -> bool {
        if now.duration_since(self.answers.0) >= REPORT {
            self.answers = (now, 0);
        }
        self.answers.1 += 1;
        self.answers.1 <= MAX_ANSWERS
    }

    /// A small probe through the tunnel, and the answers that waited for it.
    pub(super) fn probe(&mut self, sequence: u64, cookie: u64, now: Instant) -> impl Iterator<Item = Datagram> + use<> {
        let mut owed = std::mem::take(&mut self.owed);
        let probe = if self.tunnel.is_patient() {
            let answer = |(asked, at): (Datagram, Instant)| Answer {
                sequence: asked.sequence,
                cookie: asked.cookie,
                held: now.duration_since(at),
            };
            Datagram::patient(sequence, cookie, owed.drain(..).map(answer).collect())
        } else {
            Datagram::request(sequence, LENGTH as u16, cookie)
        };
        owed.into_iter().map(|(asked, _)| asked.answer()).chain([probe])
    }

    /// A full-size probe that goes with a small one.
    pub(super) fn probe_beside(&mut self, sequence: u64, cookie: u64, now: Instant) -> Datagram {
        let length = self.sizes.send_beside(sequence, now).saturating_sub(HEADERS);
        match self.tunnel.is_patient() {
            true => Datagram { length, ..Datagram::patient(sequence, cookie, Vec::new()) },
            false => Datagram::request(sequence, length, cookie),
        }
    }

    /// Takes an answer that came by `way`; when the small probe was sent that it is for, none if it is for no such.
    pub(super) fn answered(&mut self, way: Way, sequence: u64, held: Duration, now: Instant) -> Option<Instant> {
        let path = self.path(way)?;
        let was_proven = path.proven;
        let sent = path.answer(sequence, held, now);
        match way {
            Way::Underlay if sent.is_some() && !was_proven => {
                self.tunnel.hurry(now);
                self.direct.iter_mut().for_each(|direct| direct.hurry(now));
            }
            Way::Tunnel if sent.is_some() && !was_proven => self.sizes.begin(now),
            Way::Tunnel => self.sizes.answer(sequence, now),
            Way::Underlay | Way::Direct => {}
        }
        sent
    }

    /// What there is to tell of it since the last time.
    pub(super) fn told(&mut self, name: &Name, now: Instant) -> Probe {
        let Self { tunnel, direct, sizes, .. } = self;
        Probe {
            peer: name.clone(),
            rtt_seconds: tunnel.rtt.map(|rtt| rtt.as_secs_f64()),
            sent: std::mem::take(&mut tunnel.sent),
            lost: std::mem::take(&mut tunnel.lost),
            mtu: sizes.mtu.map(u32::from),
            full_sent: std::mem::take(&mut sizes.sent),
            full_lost: std::mem::take(&mut sizes.lost),
            heard: tunnel.is_heard(now),
            direct: direct.as_ref().map(|path| path.up),
        }
    }
}
