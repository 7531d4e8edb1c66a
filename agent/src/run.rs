//! The running agent: its tasks, and what they tell each other.
//!
//! ```text
//!                      ┌─────────► persist (disk)
//!   controller         ├─────────► ovs     (Manager row)
//!       │              ├─────────► nat     (nft table)
//!       │              ├─────────► announce (ARP, ND)
//!       │              ├─────────► health  (HTTP)
//!       │              ├─────────► tracked (ovs-vswitchd)
//!       ▼    configs   ├─────────► bridge  (kbr0) ──ready──┐
//!    follow ═══════════╪═════════► probe   (UDP) ◄─────────┘
//!                      │             └─reports──► report (controller)
//!                      ├─────────► direct  (routes) ◄──reached── probe; ──taken in──► nat, probe
//!                      ├─────────► neighbours (ovs-vswitchd)
//!                      ├─────────► gossip  (UDP) ─members─┴──┐
//!                      ├─────────► names   (DNS) ◄──queries── endpoints
//!                      └─────────► endpoints (veths) ◄── server (unix socket)
//! ```

use std::{collections::BTreeSet, net::IpAddr, path::Path, sync::Arc, time::Instant};

use anyhow::Context;
use api::{Client, Live, Name, Trust};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};
use tracing::info;

use crate::{
    announce,
    args::RunArgs,
    bridge, direct,
    endpoint::{self, Endpoints},
    follow::{self, Current, Host},
    gossip::{self, Members, Place},
    health,
    identity::Files,
    link::{Changes, Netlink},
    names::{self, follow::Names},
    nat, neighbours, ovs, probe, renew, report, server,
    state::State,
    takeover, tracked,
};

/// Runs the agent until it is told to end.
///
/// Ending it changes nothing on the host: pods and routes stay.
///
/// # Errors
/// When it cannot start, or a task ended that never should.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    let RunArgs { controller, node, underlay_ip, host: args } = args;
    let datapath = args.datapath.resolve(Path::new("/sys/module/openvswitch").exists());
    let host = Host { node, underlay: underlay_ip, underlay6: args.underlay_ip6, datapath, zone: args.zone };
    let state_dir = args.state_dir.display().to_string();
    let state = State::open(&args.state_dir).with_context(|| format!("cannot use state directory {state_dir}"))?;
    let urls: Vec<&str> = controller.iter().map(|controller| controller.url.as_str()).collect();
    let secure = controller.iter().any(|controller| controller.is_secure);
    let files = secure.then(|| Files::of(&args.state_dir, &host.node));
    let live = files.as_ref().map(|files| anyhow::Ok(Live::new(files.load()?)?)).transpose()?;
    let client_of = |url: &str| match &live {
        Some(live) => Client::secured(url, Trust::Live(live)),
        None => Client::new(url),
    };
    let client = client_of(&urls.join(","))?;
    let clients = urls.iter().map(|url| client_of(url)).collect::<Result<Vec<Client>, _>>()?;
    let netlink = Netlink::open().context("cannot open a netlink socket")?;
    let changes = Changes::subscribe().context("cannot follow changes of devices")?;
    let listener =
        server::listen(&args.socket).with_context(|| format!("cannot listen on {}", args.socket.display()))?;
    let last = state.config().filter(|config| config.node.name == host.node);
    let (configs, changed) = watch::channel(last.map(|config| Arc::new(Current { config, fresh: false })));
    let ((ready, bridge_ready), (served, bridge_served)) = (watch::channel(None), watch::channel(None));
    let port = bridge::Port { ready, served };
    let (reports, reported) = mpsc::channel(1);
    let (members, known) = watch::channel(Members::default());
    let (usage, used) = watch::channel(Vec::new());
    let (reach, reached) = watch::channel(BTreeSet::new());
    let (plain, taken) = watch::channel(None);
    let seen = probe::Sources {
        configs: changed.clone(),
        ready: bridge_ready.clone(),
        members: known.clone(),
        direct: taken.clone(),
    };
    let sources = report::Sources { members: known.clone(), used, configs: changed.clone() };
    let place = Place { underlay: host.underlay, port: args.gossip_port, key_file: args.gossip_key_file };
    let (node, db) = (host.node.clone(), args.ovs_db.clone());
    let endpoints = Endpoints::new(node, client.clone(), netlink.clone(), state.clone(), changed.clone(), db);
    let endpoints = Arc::new(endpoints);
    let (names, wanted) = Names::new(state.names().open(Instant::now()));
    let names = Arc::new(names);
    let addresses: Vec<IpAddr> = [host.underlay].into_iter().chain(host.underlay6.map(IpAddr::from)).collect();
    let resolver = names::Place { resolv_conf: args.resolv_conf };
    info!(node = %host.node, underlay = %host.underlay, datapath = datapath.as_str(), "serving this host");

    let ended = tokio::select! {
        () = follow::follow(&host, &client, &netlink, &configs) => "follow",
        () = follow::persist(&state, changed.clone()) => "persist",
        () = ovs::keep(&args.ovs_db, host.node.as_str(), &controller, files.as_ref(), changed.clone()) => "ovs",
        () = nat::keep(changed.clone(), taken) => "nat",
        () = announce::keep(&netlink, changed.clone()) => "announce",
        () = health::keep(&addresses, changed.clone()) => "health",
        () = bridge::keep(&netlink, changes, changed.clone(), &port) => "bridge",
        () = probe::keep((host.underlay, args.probe_port), seen, reports, &reach) => "probe",
        () = direct::keep(&netlink, changed.clone(), bridge_ready.clone(), reached, &plain) => "direct",
        () = neighbours::keep(&netlink, &args.ovs_db, changed.clone(), bridge_served.clone()) => "neighbours",
        () = gossip::keep(&place, &state, changed.clone(), &members) => "gossip",
        () = tracked::keep(&args.ovs_db, changed.clone(), bridge_served, &usage) => "tracked",
        () = report::keep(&clients, &host.node, reported, &sources) => "report",
        () = names.keep(&host.node, &client, changed.clone(), &state, wanted) => "names",
        () = names::keep(&resolver, &netlink, names.clone(), changed.clone()) => "resolver",
        () = takeover::keep(args.state_dir) => "takeover",
        () = endpoint::keep(&endpoints) => "endpoints",
        () = renewed(files.as_ref().zip(live.as_ref()), &client, &host.node) => "certificate",
        result = server::serve(listener, endpoints.clone(), known.clone()) => { result.context("the socket failed")?; "server" }
        result = told_to_end() => {
            result?;
            info!("ending; everything on this host stays as it is");
            std::fs::remove_file(&args.socket).ok();
            return Ok(());
        }
    };
    anyhow::bail!("the {ended} task ended");
}

/// Keeps the host's certificate, where it has one.
async fn renewed(known: Option<(&Files, &Live)>, client: &Client, node: &Name) {
    match known {
        Some((files, live)) => renew::keep(files, live, client, node).await,
        None => std::future::pending().await,
    }
}

async fn told_to_end() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
