//! Wires the rooms together.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use anyhow::Context;
use api::{Name, NetworkSpec, Trust, default_network};
use axum::Router;
use tokio::{
    net::{TcpListener, TcpSocket},
    signal,
    sync::mpsc,
};

use crate::{
    agents::Agents,
    args::Args,
    cluster::{
        self, Cluster, Member,
        peers::{self, Peers},
    },
    compile::Settings,
    core::Core,
    etcd,
    events::Events,
    housekeeping,
    http::{self, App, router},
    intent::{Change, Intent, Txn},
    metrics::Metrics,
    names::NameLog,
    pki::{self, Gate, Pki},
    runtime::{CoreHandle, Event, Outlets, run},
    southbound::{Switches, serve_challenges, serve_hosts, serve_switches},
    store::Store,
};

/// How many connections may wait to be accepted: all hosts come at once after a restart, and a connection that finds no
/// room may look open to the host and never be one.
const BACKLOG: u32 = 4096;

/// Runs the controller until it is told to end.
///
/// # Errors
/// When the store cannot be opened, an address cannot be listened on, or the options contradict what is stored.
pub async fn serve(args: Args) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("cannot make {}; give another --data-dir", args.data_dir.display()))?;
    let settings = Settings {
        mesh: args.mesh,
        services: args.service_cidr,
        ovsdb_port: args.listen_ovsdb.port(),
        domain: args.domain.clone(),
        tracked: args.conntrack_limit,
    };
    let (core, events) = CoreHandle::new();
    let tell = core.clone();
    let names = Arc::new(NameLog::default());
    let log = names.clone();
    let subscriber = Box::new(move |txn: Arc<Txn>, intent: Intent| {
        log.follow(&txn, &intent);
        tell.tell(Event::Txn(txn, Box::new(intent)));
    });
    let (store, shared) = match &args.store {
        None => (Store::open(&args.data_dir.join("store.redb"), args.service_cidr, subscriber)?, None),
        Some(url) => {
            let (client, me) = (etcd::Client::new(url.clone())?, own_name(&args)?);
            let store = Store::connect(client.clone(), me.as_str(), args.service_cidr, subscriber).await?;
            (store, Some((client, me)))
        }
    };
    ensure_default_network(&store, &args).await?;
    let intent = store.read();
    names.start(&intent);

    let openflow = listen(args.listen_openflow, "OpenFlow")?;
    let ovsdb = listen(args.listen_ovsdb, "OVSDB")?;
    let http = listen(args.listen_http, "HTTP")?;

    let metrics = Arc::new(Metrics::default());
    let agents = Arc::new(Agents::new(intent.revision()));
    let log = Arc::new(Events::default());
    let switches = Switches::new(metrics.clone(), log.clone());
    let (challenges, challenged) = mpsc::unbounded_channel();
    let (downs, written) = mpsc::unbounded_channel();
    let outlets = Outlets { agents: agents.clone(), log: log.clone(), challenges, downs };
    tokio::spawn(run(Core::new(settings.clone(), intent, Instant::now()), outlets, events));
    tokio::spawn(serve_challenges(challenged, switches.clone(), core.clone()));
    tokio::spawn(housekeeping::record_downs(written, store.clone()));
    let cluster = match shared {
        None => Cluster::alone(store.read().generation()),
        Some((client, me)) => cluster::join(client, me.as_str(), member(&args)?, store.clone(), core.clone()).await?,
    };
    tokio::spawn(housekeeping::keep_gossip_keys(store.clone(), cluster.clone(), agents.clone()));
    let security = Security::new(&args, &store).await?;
    let [switch_gate, http_gate] = security.gates(&store)?;
    tokio::spawn(serve_switches(
        openflow,
        switch_gate.clone(),
        store.clone(),
        core.clone(),
        switches.clone(),
        cluster.clone(),
    ));
    let port = args.listen_openflow.port();
    tokio::spawn(serve_hosts(ovsdb, switch_gate, port, core.clone(), switches.clone(), cluster.clone()));
    let mut core = core;
    let mut others = Router::new();
    if cluster.is_shared() {
        tokio::spawn(tell_duties(cluster.clone(), core.clone()));
        others = peers::router(core.clone(), cluster.clone());
        core = core.with_peers(Peers::new(cluster.clone(), security.trust())?);
    }
    let (events, started, pki) = (log, Instant::now(), security.pki());
    if let Some(pki) = &pki {
        tokio::spawn(pki::keep(pki.clone(), store.clone(), events.clone()));
    }
    let app = App { store, core, cluster, switches, agents, names, events, metrics, settings, pki, started };
    tracing::info!(http = %args.listen_http, openflow = %args.listen_openflow, ovsdb = %args.listen_ovsdb, "ready");
    let served = http::serve(http, http_gate, router(Arc::new(app)).merge(others));
    tokio::select! {
        result = served => result.context("the API ended"),
        result = terminated() => result,
    }
}

/// Whether anybody is asked for a certificate.
enum Security {
    Insecure,
    Secure(Arc<Pki>),
}

impl Security {
    async fn new(args: &Args, store: &Store) -> anyhow::Result<Self> {
        if args.insecure {
            tracing::warn!("INSECURE: whoever reaches this controller may do everything, and nothing is encrypted");
            return Ok(Self::Insecure);
        }
        let me = own_name(args).map_or_else(|_| "controller".to_owned(), |name| name.to_string());
        Ok(Self::Secure(Arc::new(Pki::open(store, &me, &args.data_dir.join("admin.pem"), args.cert_lifetime).await?)))
    }

    /// For switches, and for agents and users.
    fn gates(&self, store: &Store) -> anyhow::Result<[Gate; 2]> {
        Ok(match self {
            Self::Insecure => [Gate::open(), Gate::open()],
            Self::Secure(pki) => {
                [pki.switches()?, pki.http()?].map(|config| Gate::secured(config, store.clone(), pki.issuer.lifetime()))
            }
        })
    }

    fn trust(&self) -> Option<Trust<'_>> {
        match self {
            Self::Insecure => None,
            Self::Secure(pki) => Some(pki.trust()),
        }
    }

    fn pki(&self) -> Option<Arc<Pki>> {
        match self {
            Self::Insecure => None,
            Self::Secure(pki) => Some(pki.clone()),
        }
    }
}

/// Tells the core whose switches are this controller's.
async fn tell_duties(mut cluster: Cluster, core: CoreHandle) {
    loop {
        core.tell(Event::Mine(cluster.duties().mine.keys().cloned().collect()));
        cluster.changed().await;
    }
}

/// What this controller is called among others.
fn own_name(args: &Args) -> anyhow::Result<Name> {
    if let Some(name) = &args.id {
        return Ok(name.clone());
    }
    let host =
        std::fs::read_to_string("/proc/sys/kernel/hostname").context("cannot read the host's name; give --id")?;
    Name::new(host.trim()).context("the host's name cannot be the controller's; give --id")
}

/// Where others reach this controller.
fn member(args: &Args) -> anyhow::Result<Member> {
    let ip = args.advertise.context("--store needs --advertise")?;
    let at = |listen: SocketAddr| SocketAddr::new(ip, listen.port());
    Ok(Member { http: at(args.listen_http), openflow: at(args.listen_openflow), ovsdb: at(args.listen_ovsdb) })
}

fn listen(at: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    let listen = || {
        let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| format!("cannot listen for {what} on {at}"))
}

async fn ensure_default_network(store: &Store, args: &Args) -> anyhow::Result<()> {
    let spec = NetworkSpec {
        subnets: args.pod_cidr.clone(),
        mode: api::Mode::Routed,
        node_prefix: args.node_prefix,
        node_prefix6: args.node_prefix6,
        tunnel: args.tunnel,
        internal: false,
    };
    let name = default_network();
    let there = store.read().networks.get(&name).map(|network| network.spec.clone());
    match there {
        Some(there) if there == spec => Ok(()),
        Some(there) => anyhow::bail!(
            "the store's default network is {}, the options say {}; give the same options, or another --data-dir",
            in_words(&there),
            in_words(&spec)
        ),
        None => {
            store.propose(vec![Change::PutNetwork(name, spec)]).await.context("the default network")?;
            Ok(())
        }
    }
}

/// A network's addresses and tunnel, like `10.244.0.0/16 (/24 per node), vxlan`.
fn in_words(spec: &NetworkSpec) -> String {
    let subnet = |net: &ipnet::IpNet| format!("{net} (/{} per node)", spec.share_prefix(net));
    let words = spec.subnets.iter().map(subnet).chain([spec.tunnel.as_str().to_owned()]);
    words.collect::<Vec<_>>().join(", ")
}

async fn terminated() -> anyhow::Result<()> {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        result = signal::ctrl_c() => result?,
    }
    tracing::info!("ending; switches go on as they are");
    Ok(())
}
