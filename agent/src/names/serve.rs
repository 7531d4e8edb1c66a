//! The resolver's sockets: queries in, answers out.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use api::NamesConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::{sleep, timeout},
};

use super::{
    answer::{self, Outcome},
    client::{self, Client},
    follow::Names,
    forward::forward,
    limits::{Limits, Permit},
    listen,
    upstream::Upstreams,
    zone::Zone,
};
use crate::{Error, follow::Configs, link::Netlink, trouble::Trouble};

/// How long an address may be nobody's yet: the host may hear of an endpoint a little later than the endpoint of itself.
const STRANGER: Duration = Duration::from_secs(1);
/// How often a query is looked at again after something it needs was fetched.
const ROUNDS: usize = 3;
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(10);
/// How often the address is looked after, and how long to wait when it cannot be listened at.
const INTERVAL: Duration = Duration::from_secs(5);
/// The largest query that is read, in bytes.
const MAX_QUERY: usize = 4_096;
/// Queries that wait for somebody else, together and of one client.
const QUERIES: (usize, usize) = (512, 64);
/// Connections, together and of one client.
const CONNECTIONS: (usize, usize) = (128, 16);

/// Where the resolver finds what it needs.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file that names the host's own resolvers.
    pub resolv_conf: PathBuf,
}

struct Resolver {
    names: Arc<Names>,
    configs: Configs,
    upstreams: Mutex<Upstreams>,
    queries: Arc<Limits>,
    connections: Arc<Limits>,
    turn: AtomicUsize,
}

/// At which of the resolver's addresses to listen.
type Which = fn(&NamesConfig) -> Option<IpAddr>;

/// Answers for ever, as soon as the controller has said where.
pub async fn keep(place: &Place, netlink: &Netlink, names: Arc<Names>, configs: Configs) {
    let resolver = Arc::new(Resolver {
        names,
        configs: configs.clone(),
        upstreams: Mutex::new(Upstreams::new(&place.resolv_conf)),
        queries: Limits::new(QUERIES.0, QUERIES.1),
        connections: Limits::new(CONNECTIONS.0, CONNECTIONS.1),
        turn: AtomicUsize::new(0),
    });
    tokio::join!(
        serve(&resolver, netlink, configs.clone(), |names| Some(names.address)),
        serve(&resolver, netlink, configs, |names| names.address6.map(IpAddr::V6)),
    );
}

/// Answers at one address.
async fn serve(resolver: &Arc<Resolver>, netlink: &Netlink, mut configs: Configs, which: Which) {
    let mut trouble = Trouble::new("listen for questions of names");
    loop {
        let address = address(&configs, which);
        let Some(address) = address else {
            if configs.changed().await.is_err() {
                return;
            }
            continue;
        };
        let listening = async {
            netlink.hold_address(address).await?;
            listen::open(address).map_err(|e| Error::kernel(format!("{address} port {}", super::PORT), e))
        };
        match listening.await {
            Ok((udp, tcp)) => {
                trouble.over();
                tokio::select! {
                    () = resolver.datagrams(Arc::new(udp)) => {}
                    () = resolver.connections(tcp) => {}
                    () = look_after(netlink, address, &configs, which) => {}
                }
            }
            Err(e) => {
                trouble.note(e);
                sleep(INTERVAL).await;
            }
        }
    }
}

fn address(configs: &Configs, which: Which) -> Option<IpAddr> {
    configs.borrow().as_ref()?.config.names.as_ref().and_then(which)
}

/// Keeps the address on the host until it is to be another one.
async fn look_after(netlink: &Netlink, held: IpAddr, configs: &Configs, which: Which) {
    let mut trouble = Trouble::new("hold the resolver's address");
    while address(configs, which) == Some(held) {
        match netlink.hold_address(held).await {
            Ok(()) => trouble.over(),
            Err(e) => trouble.note(e),
        }
        sleep(INTERVAL).await;
    }
}

impl Resolver {
    async fn datagrams(self: &Arc<Self>, socket: Arc<UdpSocket>) {
        let mut buffer = vec![0; MAX_QUERY];
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let query = &buffer[..length];
            match self.at_once(query, false, from.ip()) {
                Some((Outcome::Reply(reply), _)) => drop(socket.try_send_to(&reply, from)),
                Some((Outcome::Drop, _)) => {}
                Some((Outcome::Need(..) | Outcome::Forward(_), _)) | None => {
                    let Some(permit) = self.queries.begin(from.ip()) else { continue };
                    let (resolver, socket, query) = (self.clone(), socket.clone(), query.to_vec());
                    tokio::spawn(async move {
                        if let Some(reply) = resolver.resolve(&query, false, from.ip()).await {
                            let _ = socket.send_to(&reply, from).await;
                        }
                        drop(permit);
                    });
                }
            }
        }
    }

    async fn connections(self: &Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    let Some(permit) = self.connections.begin(from.ip()) else { continue };
                    let resolver = self.clone();
                    tokio::spawn(async move { resolver.converse(stream, from, permit).await });
                }
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    /// One query after the other, each with its length before it (RFC 1035 section 4.2.2).
    async fn converse(&self, mut stream: TcpStream, from: SocketAddr, permit: Permit) {
        loop {
            let read = async {
                let mut query = vec![0; stream.read_u16().await?.into()];
                stream.read_exact(&mut query).await?;
                std::io::Result::Ok(query)
            };
            let Ok(Ok(query)) = timeout(IDLE, read).await else { break };
            if query.len() > MAX_QUERY {
                break;
            }
            let Some(reply) = self.resolve(&query, true, from.ip()).await else { break };
            let Ok(length) = u16::try_from(reply.len()) else { break };
            let whole = [&length.to_be_bytes()[..], &reply].concat();
            if !matches!(timeout(IDLE, stream.write_all(&whole)).await, Ok(Ok(()))) {
                break;
            }
        }
        drop(permit);
    }

    /// What can be said without waiting for anybody; none for an address that is nobody's.
    fn at_once(&self, query: &[u8], tcp: bool, from: IpAddr) -> Option<(Outcome, Client)> {
        let current = self.configs.borrow().clone()?;
        let client = client::identify(&current.config, from)?;
        let zone = Zone::new(current.config.names.as_ref()?, client.network.clone())?;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let outcome = answer::answer(query, tcp, &client, &zone, &mut self.names.book(), (Instant::now(), turn));
        Some((outcome, client))
    }

    /// The answer to a query, if it gets one.
    async fn resolve(&self, query: &[u8], tcp: bool, from: IpAddr) -> Option<Vec<u8>> {
        self.known(from).await?;
        for _ in 0..ROUNDS {
            match self.at_once(query, tcp, from)?.0 {
                Outcome::Reply(reply) => return Some(reply),
                Outcome::Drop => return None,
                Outcome::Need(network, key) => self.names.fetch(network, key).await,
                Outcome::Forward(_) => {
                    let servers = {
                        let own = self.configs.borrow().as_ref()?.config.names.as_ref()?.addresses();
                        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner).servers(&own, Instant::now())
                    };
                    let reply = forward(query, tcp, &servers).await;
                    return reply.or_else(|| answer::fail(query, tcp));
                }
            }
        }
        answer::fail(query, tcp)
    }

    /// Waits until the address is somebody's.
    async fn known(&self, from: IpAddr) -> Option<()> {
        let mut configs = self.configs.clone();
        let known = configs.wait_for(|current| {
            current.as_ref().is_some_and(|current| client::identify(&current.config, from).is_some())
        });
        timeout(STRANGER, known).await.ok()?.ok().map(|_| ())
    }
}
