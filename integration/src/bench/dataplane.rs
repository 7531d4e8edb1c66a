//! Packets between two hosts: TCP from pod to pod, and new connections to a service; ours, those of OVN, and those of a bare
//! bridge on each host, which bounds what any flows on it can reach.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;

use super::clients::CLIENTS_OF;
use super::ovn;
use super::side::Side;
use super::table::{Figure, Row};

const ROUNDS: usize = 3;
/// How long anything is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Measures all three, in turns.
///
/// # Errors
/// When a step fails.
pub fn measure(say: &mut dyn FnMut(&str)) -> Result<Vec<Row>> {
    say("two hosts of this controller, two of OVN, two with a bare bridge");
    let sides = [Side::ours()?, Side::ovn()?, Side::bare()?];
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (side, rates) in sides.iter().zip(&mut rates) {
            rates.push(side.throughput()?);
        }
    }
    let [ours, ovn, bare] = rates.map(median);
    let whose = format!("OVN {}", ovn::version()?);
    let row = |what: &str, ours, peer, must: &str| Row { what: what.into(), ours, peer: Some(peer), must: must.into() };
    let mut rows = vec![
        row(
            "TCP from pod to pod on another host, Mbit/s",
            Figure::Rate(ours),
            (Figure::Rate(ovn), whose.clone()),
            "1.5 times theirs",
        ),
        row("the same", Figure::Rate(ours), (Figure::Rate(bare), "bare".into()), "0.95 times theirs"),
    ];
    say("connections to a service");
    sides.iter().try_for_each(Side::greet)?;
    for (clients, time, vip, port) in CLIENTS_OF {
        let [ours, theirs, bare] = connections(&sides, clients, time, (vip, port))?;
        let what = format!("new connections per second by a virtual address, clients: {clients}");
        // The dead have no rate.
        let (what, peer) = match sides[1].lives() {
            true => {
                (format!("{what} ({} and {} lost)", ours.1, theirs.1), Some((Figure::Rate(theirs.0), whose.clone())))
            }
            false => (format!("{what} ({} lost; an ovs-vswitchd of OVN's died)", ours.1), None),
        };
        let ours = Figure::Rate(ours.0);
        rows.push(Row { what, ours, peer, must: "1.3 times theirs".into() });
        let what = format!("beside connections straight to the backends ({} lost)", bare.1);
        rows.push(row(&what, ours, (Figure::Rate(bare.0), "bare".into()), ""));
    }
    say("1,000 connections, and 1,000 clients outside");
    let after_100 = |few| (Figure::Count(few), "after 100".to_owned());
    let (few, many) = sides[0].asked_by_a_pod()?;
    let what = "datapath flows of a host after 1,000 connections of a pod to a service";
    rows.push(row(what, Figure::Count(many), after_100(few), "no more"));
    let (few, many) = sides[0].asked_outside()?;
    let what = "after 1,000 addresses outside asked, each with its ARP on the underlay";
    rows.push(row(what, Figure::Count(many), after_100(few), ""));
    Ok(rows)
}

/// Of each side: the median of connections per second, and how many were lost in all. Where there is no service, clients ask
/// its backends in turn.
fn connections(
    sides: &[Side; 3],
    clients: usize,
    time: Duration,
    (vip, port): (Ipv4Addr, u16),
) -> Result<[(f64, u32); 3]> {
    let (mut rates, mut lost) = ([const { Vec::new() }; 3], [0; 3]);
    let bare = [sides[2].far, sides[2].near].map(|ip| SocketAddr::from((ip, port)));
    let service = [SocketAddr::from((vip, 80))];
    for _ in 0..ROUNDS {
        for (n, (side, to)) in sides.iter().zip([&service[..], &service, &bare]).enumerate() {
            let (rate, failed) = side.connections((clients, time), to, port)?;
            rates[n].push(rate);
            lost[n] += failed;
        }
    }
    let [ours, theirs, bare] = rates.map(median);
    Ok([(ours, lost[0]), (theirs, lost[1]), (bare, lost[2])])
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}
