//! Reports to the controller: what was probed, and what gossip has it lacks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use api::{AgentReport, Client, MemberState, MemberView, Name, Tracked, WriteOptions};
use serde::de::IgnoredAny;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tracing::debug;

use crate::{
    error::plain,
    follow::{Configs, Current},
    gossip::Members,
    held::Held,
};

/// How long the controller may take to accept a report.
const PATIENCE: WriteOptions = WriteOptions { wait: false, timeout: Duration::from_secs(2) };
/// How often all members are reported: a controller that restarted between two reports has forgotten them.
const COMPLETE: Duration = Duration::from_secs(10);

/// What reports tell beside probes.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The other hosts, as gossip has them.
    pub members: watch::Receiver<Members>,
    /// The connections that Open vSwitch remembers.
    pub used: watch::Receiver<Vec<Tracked>>,
    /// The configuration.
    pub configs: Configs,
}

impl Sources {
    /// The configuration as the controller has it.
    fn current(&self) -> Option<Arc<Current>> {
        self.configs.borrow().clone().filter(|current| current.fresh)
    }
}

/// Sends reports to every controller for ever. One that takes long misses some, and none waits for another.
pub async fn keep(clients: &[Client], node: &Name, mut reports: mpsc::Receiver<AgentReport>, sources: &Sources) {
    let one = |client| {
        let (reports_in, queue) = mpsc::channel(1);
        (reports_in, tell(client, node, queue, sources))
    };
    let (queues, tellers): (Vec<_>, Vec<_>) = clients.iter().map(one).unzip();
    let share = async {
        let mut held = Held::default();
        while let Some(mut report) = reports.recv().await {
            let current = sources.current();
            let own = current.as_ref().map_or(&[][..], |current| &current.config.health);
            report.held = held.ports(own, Instant::now());
            report.tracked = sources.used.borrow().clone();
            report.follows = current.map_or(0, |current| current.config.revision);
            queues.iter().for_each(|queue| drop(queue.try_send(report.clone())));
        }
    };
    futures::future::join(share, futures::future::join_all(tellers)).await;
}

async fn tell(client: &Client, node: &Name, mut reports: mpsc::Receiver<AgentReport>, sources: &Sources) {
    let path = format!("/v1/nodes/{node}/report");
    let mut told = Told::default();
    while let Some(mut report) = reports.recv().await {
        let (list, counts) = {
            let members = sources.members.borrow();
            (members.aged(Instant::now()), members.counts.clone())
        };
        report.gossip = counts;
        (report.members, report.all_members) = told.lacks(&list, Instant::now());
        match client.post::<_, IgnoredAny>(&path, &report, PATIENCE).await {
            Ok(_) => told.learn(&list, report.all_members, Instant::now()),
            Err(e) => {
                told = Told::default();
                debug!(reason = %plain(&e), "report not delivered");
            }
        }
    }
}

/// What the controller was told of members.
#[derive(Default)]
struct Told {
    members: BTreeMap<Name, (MemberState, u16)>,
    complete: Option<Instant>,
}

impl Told {
    /// What it has to be told, and whether that is all there is.
    fn lacks(&self, list: &[MemberView], now: Instant) -> (Vec<MemberView>, bool) {
        let gone = self.members.len() > list.len();
        let all = gone || self.complete.is_none_or(|at| now.duration_since(at) >= COMPLETE);
        let new = |view: &&MemberView| all || self.members.get(&view.name) != Some(&(view.state, view.incarnation));
        (list.iter().filter(new).cloned().collect(), all)
    }

    fn learn(&mut self, list: &[MemberView], all: bool, now: Instant) {
        if all {
            self.complete = Some(now);
        }
        self.members = list.iter().map(|view| (view.name.clone(), (view.state, view.incarnation))).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, state: MemberState) -> MemberView {
        MemberView { name: Name::new(name).unwrap(), state, incarnation: 0, since_seconds: 0.0 }
    }

    #[test]
    fn all_at_first_then_what_changed_and_all_again_in_time() {
        let (mut told, now) = (Told::default(), Instant::now());
        let before = [view("h1", MemberState::Alive), view("h2", MemberState::Alive)];
        assert_eq!(told.lacks(&before, now), (before.to_vec(), true));
        told.learn(&before, true, now);
        assert_eq!(told.lacks(&before, now), (vec![], false));
        let after = [view("h1", MemberState::Alive), view("h2", MemberState::Suspect)];
        assert_eq!(told.lacks(&after, now), (after[1..].to_vec(), false));
        told.learn(&after, false, now);
        assert_eq!(told.lacks(&after, now), (vec![], false));
        assert_eq!(told.lacks(&after, now + COMPLETE), (after.to_vec(), true));
    }

    #[test]
    fn one_that_is_gone_is_taken_back_by_telling_all() {
        let (mut told, now) = (Told::default(), Instant::now());
        let before = [view("h1", MemberState::Alive), view("h2", MemberState::Alive)];
        told.learn(&before, true, now);
        assert_eq!(told.lacks(&before[..1], now), (before[..1].to_vec(), true));
    }
}
