//! `sdnctl service`

use std::net::IpAddr;

use api::{Create, List, Name, Service, ServiceSpec, Written};

use crate::{
    cli::{Remote, ServiceCreate, ServiceVerb},
    objects::{inspect, remove},
    output::{join, show, table, written},
};

pub async fn run(remote: &Remote, verb: ServiceVerb) -> anyhow::Result<()> {
    match verb {
        ServiceVerb::Ls => list(remote).await,
        ServiceVerb::Inspect { name } => inspect::<Service>(remote, "services", &name).await,
        ServiceVerb::Create(create) => self::create(remote, create).await,
        ServiceVerb::Backends { name, add, rm } => backends(remote, &name, &add, &rm).await,
        ServiceVerb::Rm { name } => remove::<Service>(remote, "services", &name).await,
    }
}

async fn list(remote: &Remote) -> anyhow::Result<()> {
    let list: List<Service> = remote.client.get("/v1/services").await?;
    show(remote, &list, |list| {
        table(
            ["NAME", "NETWORK", "VIP", "PORTS", "BACKENDS", "REVISION"],
            list.items.iter().map(|service| {
                let backends = match service.selector.is_empty() {
                    true => join(service.backends.iter().map(|backend| backend.ip)),
                    false => join(service.selector.iter().map(|(key, value)| format!("{key}={value}"))),
                };
                let [name, network] = [&service.name, &service.network].map(Name::to_string);
                [name, network, service.vip.to_string(), join(&service.ports), backends, service.revision.to_string()]
            }),
        )
    })
}

async fn create(remote: &Remote, create: ServiceCreate) -> anyhow::Result<()> {
    let ServiceCreate { name, vip, ports, network, selector, backends } = create;
    let spec = ServiceSpec { network, vip, ports, backends, selector: selector.into_iter().collect() };
    let body = Create { name, spec };
    let answer: Written<Service> = remote.client.post("/v1/services", &body, remote.write).await?;
    written(remote, &answer, &format!("created service {}", body.name))
}

async fn backends(remote: &Remote, name: &Name, add: &[IpAddr], rm: &[IpAddr]) -> anyhow::Result<()> {
    let path = format!("/v1/services/{name}");
    let there: Service = remote.client.get(&path).await?;
    let mut backends: Vec<IpAddr> = there.backends.iter().map(|backend| backend.ip).collect();
    if let Some(missing) = rm.iter().find(|ip| !backends.contains(ip)) {
        anyhow::bail!("{missing} is no backend of service {name}; `sdnctl service inspect {name}` shows them");
    }
    backends.retain(|ip| !rm.contains(ip));
    backends.extend(add);
    let Service { network, vip, ports, selector, .. } = there;
    let spec = ServiceSpec { network, vip, ports, backends, selector };
    let answer: Written<Service> = remote.client.put(&path, &spec, remote.write).await?;
    written(remote, &answer, &format!("changed service {name}"))
}
