use std::{path::Path, time::Duration};

use api::{
    Attach, ClientError, Create, DEFAULT_NETWORK, Datapath, Endpoint, EndpointSpec, Invalid, Name, WriteOptions,
    Written,
};
use futures::future::join;
use tracing::{info, warn};

use super::{
    Attached, Endpoints, Record, alias, device_name,
    pod::{self, Pod},
};
use crate::{
    Error,
    follow::Current,
    names::pods,
    netns::{Namespace, NamespaceId},
    sysctl, vswitchd,
};

/// How long the switches have to acknowledge an endpoint.
const REALIZE: WriteOptions = WriteOptions { wait: true, timeout: Duration::from_secs(10) };
/// How long the switch may take to get over a new device, for the sake of tunnels of the userspace datapath, before the
/// device changes. Meanwhile the pod's end is readied, which takes about two of these milliseconds.
const DEVICE_MADE: Duration = Duration::from_millis(5);

impl Endpoints {
    /// Makes an endpoint, whole or not at all; asked again for the same one, puts right what is wrong with it.
    ///
    /// # Errors
    /// What is wrong with the request, or what failed, together with what could not be undone.
    pub async fn attach(&self, attach: Attach) -> Result<Endpoint, Error> {
        let spec = self.spec(&attach)?;
        let _claim = self.claim(&attach.name).await;
        let namespace = Namespace::open(&attach.netns)?;
        if NamespaceId::at(Path::new("/proc/self/ns/net")) == Some(namespace.id()) {
            return Err(Invalid::new("netns", "is the host's own network namespace").into());
        }
        let current = self.current().ok_or(Error::NotReady)?;
        match self.record(&attach.name) {
            None => {}
            Some(Record::Attached(kept)) if kept.answers(&attach, namespace.id()) => {
                if self.is_known(&kept).await? {
                    self.mend(&kept, &namespace, &current).await?;
                    return Ok(kept.endpoint);
                }
                self.take_down(&attach.name).await?;
            }
            Some(Record::Attached(kept)) if kept.is_alive() => return Err(refuse(&kept)),
            Some(_) => self.take_down(&attach.name).await?,
        }
        match self.make(&attach, spec, &namespace, &current).await {
            Ok(endpoint) => {
                info!(endpoint = %attach.name, id = endpoint.id, "attached");
                Ok(endpoint)
            }
            Err(first) => Err(Error::all(first, self.take_down(&attach.name).await.err().into_iter().collect())),
        }
    }

    fn spec(&self, attach: &Attach) -> Result<EndpointSpec, Error> {
        let network = match &attach.network {
            Some(network) => network.clone(),
            None => Name::new(DEFAULT_NETWORK)?,
        };
        let spec = EndpointSpec {
            node: self.node.clone(),
            network,
            device: device_name(&attach.name),
            ip: attach.ip,
            ips: attach.ips.clone(),
            labels: attach.labels.clone(),
            terminating: false,
        };
        spec.validate()?;
        EndpointSpec { device: attach.device.clone(), ..spec.clone() }.validate()?;
        if ["lo", "all", "default", ".", ".."].contains(&attach.device.as_str()) {
            return Err(Invalid::new("device", format!("{:?} is taken in every namespace", attach.device)).into());
        }
        Ok(spec)
    }

    async fn make(
        &self,
        attach: &Attach,
        spec: EndpointSpec,
        namespace: &Namespace,
        current: &Current,
    ) -> Result<Endpoint, Error> {
        let remembered = self.remember(&attach.name, Record::Attaching);
        let (remembered, inside) = join(remembered, self.plug(attach, namespace, current)).await;
        remembered?;
        let inside = inside?;
        // From here on the host's end does not change any more: see `Netlink::up_as_port`.
        let endpoint = self.register(&attach.name, spec).await?;
        inside.configure(&pod::want(&current.config, &endpoint)?).await?;
        self.write_resolv_conf(attach, &endpoint, current);
        let kept = Attached { attach: attach.clone(), netns: namespace.id(), endpoint: endpoint.clone() };
        self.remember(&attach.name, Record::Attached(Box::new(kept))).await?;
        Ok(endpoint)
    }

    /// Makes the veth and readies both ends, that on the host last and before the switch gets to see it.
    async fn plug(&self, attach: &Attach, namespace: &Namespace, current: &Current) -> Result<Pod, Error> {
        let device = device_name(&attach.name);
        self.unplug(&attach.name).await?;
        self.netlink.add_veth(&device, &attach.device, namespace.fd(), current.config.mtu).await?;
        sysctl::silence_port(&device).map_err(|e| Error::kernel(format!("settings of {device}"), e))?;
        let rest = async {
            match current.config.node.spec.datapath {
                Datapath::Netdev => vswitchd::settle(&self.ovs_db, DEVICE_MADE).await,
                Datapath::System => {}
            }
        };
        let (inside, ()) = join(Pod::enter(namespace, &attach.device, &current.config), rest).await;
        let inside = inside?;
        self.netlink.up_as_port(&device, &alias(&attach.name)).await?;
        Ok(inside)
    }

    /// An endpoint without it is as good as any other.
    fn write_resolv_conf(&self, attach: &Attach, endpoint: &Endpoint, current: &Current) {
        let Some(names) = &current.config.names else { return };
        if let Err(e) = pods::write(&attach.netns, &pods::text(names, &endpoint.network, &endpoint.ips)) {
            warn!(endpoint = %attach.name, reason = %e, "cannot write its resolv.conf");
        }
    }

    /// Puts right what is wrong with an endpoint that exists.
    async fn mend(&self, kept: &Attached, namespace: &Namespace, current: &Current) -> Result<(), Error> {
        let device = device_name(&kept.attach.name);
        let whole = self.netlink.device(&device).await?.is_some_and(|d| d.up);
        let inside = match Pod::enter(namespace, &kept.attach.device, &current.config).await {
            Ok(inside) if whole => inside,
            _ => self.plug(&kept.attach, namespace, current).await?,
        };
        sysctl::silence_port(&device).map_err(|e| Error::kernel(format!("settings of {device}"), e))?;
        self.write_resolv_conf(&kept.attach, &kept.endpoint, current);
        inside.configure(&pod::want(&current.config, &kept.endpoint)?).await
    }

    /// Makes the pod's end right where the pod is there; the host's end is left as it is.
    pub(super) async fn mend_inside(&self, kept: &Attached, current: &Current) -> Result<(), Error> {
        let namespace = Namespace::open(&kept.attach.netns)?;
        let inside = Pod::enter(&namespace, &kept.attach.device, &current.config).await?;
        inside.configure(&pod::want(&current.config, &kept.endpoint)?).await
    }

    /// Creates the endpoint at the controller and waits until every switch concerned has it.
    async fn register(&self, name: &Name, spec: EndpointSpec) -> Result<Endpoint, Error> {
        let body = Create { name: name.clone(), spec };
        let mut answer = self.client.post("/v1/endpoints", &body, REALIZE).await;
        // One that an agent without its records left behind.
        if matches!(answer, Err(ClientError::Refused { status: 409, .. })) && self.unregister(name).await? {
            answer = self.client.post("/v1/endpoints", &body, REALIZE).await;
        }
        let written: Written<Endpoint> = answer?;
        if !written.pending.is_empty() {
            return Err(Error::Pending(written.pending));
        }
        written.object.ok_or_else(|| Error::kernel("the controller", "answered without the endpoint"))
    }

    /// Whether the controller still knows the endpoint; one that is away does not count against it.
    async fn is_known(&self, kept: &Attached) -> Result<bool, Error> {
        match self.endpoint_of_ours(&kept.attach.name).await {
            Ok(found) => Ok(found.is_some_and(|e| e.id == kept.endpoint.id)),
            Err(e) if e.is_unreachable() => Ok(true),
            Err(e) => Err(e),
        }
    }
}

fn refuse(kept: &Attached) -> Error {
    let Attach { name, netns, device, .. } = &kept.attach;
    let place = netns.display();
    Error::Conflict(format!("endpoint {name} is attached already, as {device} in {place}; detach it first"))
}
