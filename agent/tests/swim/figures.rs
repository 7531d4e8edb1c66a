//! How fast, how sure and how cheap.

use std::{collections::BTreeSet, time::Duration};

use api::MemberState;

use crate::lab::{Lab, Link};

/// From the moment one of `size` hosts is switched off until all others hold it for dead, and whether all had suspected
/// it before.
pub fn detection(size: u32, seed: u64) -> Duration {
    let mut lab = Lab::settled(size, seed);
    lab.run(Duration::from_millis(seed % 997));
    lab.kill(size);
    let dead = BTreeSet::from([size]);
    let took = lab.run_until(Duration::from_secs(30), |lab| lab.became(MemberState::Dead).count() as u32 == size - 1);
    assert!(lab.agree(&dead), "someone else was lost too");
    assert!(lab.became(MemberState::Suspect).any(|o| o.about == size), "dead without having been suspect");
    took
}

/// How many suspicions and deaths there were in `time` with this much loss on every link.
pub fn false_alarms(size: u32, seed: u64, loss: f64, time: Duration) -> (usize, usize) {
    let mut lab = Lab::settled(size, seed);
    lab.link = Link { loss, ..Link::default() };
    lab.run(time);
    let raised = |state| lab.became(state).map(|o| (o.about, o.at)).collect::<BTreeSet<_>>().len();
    (raised(MemberState::Suspect), raised(MemberState::Dead))
}

/// Sent and received by the busiest host, in kbit/s, IP and UDP headers included.
pub fn traffic(size: u32, seed: u64, loss: f64, time: Duration) -> (f64, f64) {
    let mut lab = Lab::settled(size, seed);
    lab.link = Link { loss, ..Link::default() };
    lab.run(Duration::from_secs(2));
    lab.hosts.values_mut().for_each(|host| (host.sent, host.received) = (0, 0));
    lab.run(time);
    let rate = |bytes: u64| (bytes * 8) as f64 / time.as_secs_f64() / 1000.0;
    let busiest = lab.hosts.values().max_by_key(|host| host.sent + host.received).unwrap();
    (rate(busiest.sent), rate(busiest.received))
}
