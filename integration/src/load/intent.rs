//! What agents and users would say over the API, for thousands of nodes.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use api::status::Status;
use api::{
    AgentReport, Applied, Apply, Client, Create, DEFAULT_NETWORK, Datapath, Endpoint, EndpointSpec, Manifest, Name,
    Node, NodeSpec, Service, ServicePort, ServiceSpec, WriteOptions, Written,
};
use futures::{StreamExt, TryStreamExt, stream};

/// How many requests are under way at once.
const AT_ONCE: usize = 32;

/// The underlay's first address.
const UNDERLAY: u32 = 0xac10_0001;

/// The first virtual address, as the controller's default range has it.
const FIRST_VIP: u32 = 0x0a60_1000;

/// How long a write may take until every switch has acknowledged it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The API of a controller.
#[derive(Clone)]
pub struct Intent {
    client: Client,
}

impl Intent {
    /// The API at this URL.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { client: Client::new(url)? })
    }

    /// Nodes join, as their agents have them do.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn join(&self, nodes: &[Name]) -> Result<()> {
        let put = |(index, name): (usize, &Name)| {
            let address = IpAddr::V4(Ipv4Addr::from(UNDERLAY + index as u32));
            let spec =
                NodeSpec { address, prefix: None, address6: None, mtu: 1500, datapath: Datapath::Netdev, zone: None };
            let path = format!("/v1/nodes/{name}");
            async move { self.client.put::<_, Written<Node>>(&path, &spec, at_once()).await.map(drop) }
        };
        Ok(stream::iter(nodes.iter().enumerate().map(put)).buffer_unordered(AT_ONCE).try_collect().await?)
    }

    /// Agents report, one after the other, each once in `every`; for ever.
    pub async fn report(&self, nodes: &[Name], every: Duration) {
        let mut turn = tokio::time::interval(every / u32::try_from(nodes.len().max(1)).unwrap_or(1));
        for name in nodes.iter().cycle() {
            turn.tick().await;
            let path = format!("/v1/nodes/{name}/report");
            // a report that does not arrive is one of many
            let _ = self.client.post::<_, serde_json::Value>(&path, &AgentReport::default(), at_once()).await;
        }
    }

    /// Endpoints of all nodes, `each` on every one, a file of one on each node at a time; the addresses of `wanted` of them.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn populate(&self, nodes: &[Name], each: usize, wanted: usize) -> Result<Vec<IpAddr>> {
        let name = |n: usize, k: usize| Name::new(format!("e{n}-{k}"));
        let network = Name::new(DEFAULT_NETWORK)?;
        for k in 0..each {
            let object = |(n, node)| endpoint(name(n, k)?, node, &format!("v{n}-{k}"), &network);
            self.apply(nodes.iter().enumerate().map(object).collect::<Result<_>>()?, at_once()).await?;
        }
        let names = (0..each).flat_map(|k| (0..nodes.len()).map(move |n| name(n, k))).take(wanted);
        self.addresses(&names.collect::<Result<Vec<_>, _>>()?).await
    }

    /// The addresses of these endpoints.
    ///
    /// # Errors
    /// When there is no such endpoint.
    pub async fn addresses(&self, names: &[Name]) -> Result<Vec<IpAddr>> {
        let get = |name| async move {
            let endpoint: Endpoint = self.client.get(&format!("/v1/endpoints/{name}")).await?;
            anyhow::Ok(endpoint.ips)
        };
        let made: Vec<Vec<IpAddr>> = stream::iter(names.iter().map(get)).buffered(AT_ONCE).try_collect().await?;
        Ok(made.into_iter().flatten().collect())
    }

    /// A flat network with room for a million endpoints.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn flat_network(&self, name: &Name) -> Result<()> {
        let spec = serde_json::json!({ "subnets": ["10.64.0.0/12"], "mode": "flat" });
        let network = Manifest::Network { name: name.clone(), spec: serde_json::from_value(spec)? };
        self.apply(vec![network], at_once()).await
    }

    /// One endpoint of a network on each of these nodes, until acknowledged everywhere.
    ///
    /// # Errors
    /// When one is refused, or not acknowledged in time.
    pub async fn one_on_each(&self, nodes: &[Name], network: &Name) -> Result<()> {
        let object = |(n, node)| endpoint(Name::new(format!("{network}-{n}"))?, node, &format!("f{n}"), network);
        self.apply(nodes.iter().enumerate().map(object).collect::<Result<_>>()?, acknowledged()).await
    }

    /// Makes all of these objects in one step, and waits until every switch concerned has acknowledged them.
    ///
    /// # Errors
    /// When one is refused, or not acknowledged in time.
    pub async fn apply_everywhere(&self, objects: Vec<Manifest>) -> Result<()> {
        self.apply(objects, acknowledged()).await
    }

    /// Makes all of these objects in one step, and does not wait for switches.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn apply_at_once(&self, objects: Vec<Manifest>) -> Result<()> {
        self.apply(objects, at_once()).await
    }

    async fn apply(&self, objects: Vec<Manifest>, options: WriteOptions) -> Result<()> {
        let applied: Applied = self.client.post("/v1/apply", &Apply { objects }, options).await?;
        still_pending(&applied.pending, options)
    }

    /// Creates an endpoint and waits until every switch concerned has acknowledged it.
    ///
    /// # Errors
    /// When it is refused, or not acknowledged in time.
    pub async fn endpoint_everywhere(&self, name: &str, device: &str, node: &Name, network: &Name) -> Result<Endpoint> {
        let create = Create { name: Name::new(name)?, spec: spec(node, device, network)? };
        let written: Written<Endpoint> = self.client.post("/v1/endpoints", &create, acknowledged()).await?;
        finished(written, acknowledged())
    }

    /// Creates a service and waits until every switch concerned has acknowledged it.
    ///
    /// # Errors
    /// When it is refused, or not acknowledged in time.
    pub async fn service(&self, number: u32, backends: &[IpAddr], wait: bool) -> Result<()> {
        let options = if wait { acknowledged() } else { at_once() };
        let create = Create { name: service_name(number)?, spec: service_spec(number, backends)? };
        let written: Written<Service> = self.client.post("/v1/services", &create, options).await?;
        finished(written, options).map(drop)
    }

    /// Gives a service other backends, and waits until every switch concerned has acknowledged it.
    ///
    /// # Errors
    /// When it is refused, or not acknowledged in time.
    pub async fn backends(&self, number: u32, backends: &[IpAddr]) -> Result<()> {
        let path = format!("/v1/services/{}", service_name(number)?);
        let written: Written<Service> =
            self.client.put(&path, &service_spec(number, backends)?, acknowledged()).await?;
        finished(written, acknowledged()).map(drop)
    }

    /// Removes a service everywhere.
    ///
    /// # Errors
    /// When it is refused, or not acknowledged in time.
    pub async fn remove_service(&self, number: u32) -> Result<()> {
        self.remove(&format!("/v1/services/{}", service_name(number)?), acknowledged()).await
    }

    /// Removes an endpoint everywhere.
    ///
    /// # Errors
    /// When it is refused, or not acknowledged in time.
    pub async fn remove_endpoint(&self, name: &str) -> Result<()> {
        self.remove(&format!("/v1/endpoints/{name}"), acknowledged()).await
    }

    /// Removes an endpoint, and does not wait for switches.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn remove_endpoint_at_once(&self, name: &str) -> Result<()> {
        self.remove(&format!("/v1/endpoints/{name}"), at_once()).await
    }

    async fn remove(&self, path: &str, options: WriteOptions) -> Result<()> {
        let written: Written<serde_json::Value> = self.client.delete(path, options).await?;
        still_pending(&written.pending, options)
    }

    /// What the controller says of itself and of its switches.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self) -> Result<Status> {
        Ok(self.client.get_within("/v1/status", PATIENCE).await?)
    }
}

/// An endpoint on `node` behind `device`, as files hold it.
///
/// # Errors
/// When it cannot be one.
pub fn endpoint(name: Name, node: &Name, device: &str, network: &Name) -> Result<Manifest> {
    Ok(Manifest::Endpoint { name, spec: spec(node, device, network)? })
}

fn spec(node: &Name, device: &str, network: &Name) -> Result<EndpointSpec> {
    Ok(serde_json::from_value(serde_json::json!({ "node": node, "device": device, "network": network }))?)
}

fn at_once() -> WriteOptions {
    WriteOptions { wait: false, timeout: PATIENCE }
}

fn acknowledged() -> WriteOptions {
    WriteOptions { wait: true, timeout: PATIENCE }
}

fn service_name(number: u32) -> Result<Name> {
    Ok(Name::new(format!("s{number}"))?)
}

fn service_spec(number: u32, backends: &[IpAddr]) -> Result<ServiceSpec> {
    let port: ServicePort = "80:8080/tcp".parse()?;
    let vip = IpAddr::V4(Ipv4Addr::from(FIRST_VIP + number));
    Ok(serde_json::from_value(serde_json::json!({ "vip": vip, "ports": [port], "backends": backends }))?)
}

fn finished<T>(written: Written<T>, options: WriteOptions) -> Result<T> {
    still_pending(&written.pending, options)?;
    written.object.context("the answer to a write has no object")
}

fn still_pending(pending: &[String], options: WriteOptions) -> Result<()> {
    match pending.first() {
        Some(first) if options.wait => {
            bail!("{} switches did not acknowledge within {} s, first {first}", pending.len(), PATIENCE.as_secs())
        }
        _ => Ok(()),
    }
}
