//! `sdnctl service`

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use api::{Create, List, Name, Service, ServicePort, ServiceSpec, Traffic, Written, balance::Balance};

use crate::{
    cli::{NodePort, Remote, ServiceCreate, ServiceVerb, Weighted},
    objects::remove,
    output::{join, print, show, table, written},
};

pub async fn run(remote: &Remote, verb: ServiceVerb) -> anyhow::Result<()> {
    match verb {
        ServiceVerb::Ls => list(remote).await,
        ServiceVerb::Inspect { name } => inspect(remote, &name).await,
        ServiceVerb::Create(create) => self::create(remote, create).await,
        ServiceVerb::Backends { name, add, rm, weight } => backends(remote, &name, &add, &rm, &weight).await,
        ServiceVerb::Publish { name, port, masquerade } => publish(remote, &name, &port, masquerade).await,
        ServiceVerb::Unpublish { name } => unpublish(remote, &name).await,
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
                let vip = service.vip.map_or_else(|| "none".to_owned(), |vip| vip.to_string());
                let [name, network] = [&service.name, &service.network].map(Name::to_string);
                [name, network, vip, join(&service.ports), backends, service.revision.to_string()]
            }),
        )
    })
}

/// A service, its backends, and which node sends connections to which of them.
async fn inspect(remote: &Remote, name: &Name) -> anyhow::Result<()> {
    let balance: Balance = remote.client.get(&format!("/v1/services/{name}/balance")).await?;
    show(remote, &balance, |balance| {
        summary(&balance.service)?;
        print("\n")?;
        outside(balance)?;
        table(
            ["BACKEND", "NODE", "IP", "STATE", "WEIGHT", "CONNECTIONS"],
            balance.members.iter().map(|member| {
                let [endpoint, node] = [&member.endpoint, &member.node].map(Name::to_string);
                let [weight, connections] = [member.weight.to_string(), member.connections.to_string()];
                [endpoint, node, join(&member.ips), member.state.clone(), weight, connections]
            }),
        )?;
        print("\n")?;
        let groups = balance.nodes.iter().flat_map(|node| node.groups.iter().map(move |group| (&node.node, group)));
        table(
            ["NODE", "GROUP", "PORT", "CLIENTS", "BACKENDS (SLOTS): CONNECTIONS"],
            groups.map(|(node, group)| {
                let targets = join(group.targets.iter().map(|target| {
                    let endpoint = target.endpoint.as_ref().map_or("gone", Name::as_str);
                    format!("{endpoint}({}):{}", target.weight, target.connections)
                }));
                [node.to_string(), group.id.to_string(), group.port.to_string(), group.clients.clone(), targets]
            }),
        )?;
        for held in &balance.held {
            let (port, node) = (format!("{}/{}", held.port, held.protocol), &held.node);
            print(&format!("\n{port} is held by a process of node {node}, too: the service has it from outside\n"))?;
        }
        match balance.unread.is_empty() {
            true => Ok(()),
            false => print(&format!("\nnot read: {}\n", join(&balance.unread))),
        }
    })
}

/// The addresses outside that it is reached at, and who answers for them there.
fn outside(balance: &Balance) -> anyhow::Result<()> {
    if balance.service.external_ips.is_empty() {
        return Ok(());
    }
    let node = |ip| balance.announcers.get(ip).map_or_else(|| "-".to_owned(), Name::to_string);
    table(["EXTERNAL IP", "ANSWERED BY"], balance.service.external_ips.iter().map(|ip| [ip.to_string(), node(ip)]))?;
    print("\n")
}

fn summary(service: &Service) -> anyhow::Result<()> {
    let traffic = service.traffic;
    let word = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let reach = |reach| serde_json::to_value(reach).map(word);
    table(
        ["SERVICE", "NETWORK", "VIP", "PORTS", "AFFINITY", "INTERNAL", "EXTERNAL", "PREFER", "HEALTH"],
        [[
            service.name.to_string(),
            service.network.to_string(),
            service.vip.map_or_else(|| "none".to_owned(), |vip| vip.to_string()),
            join(&service.ports),
            service.affinity.map_or("-".into(), |affinity| affinity.to_string()),
            reach(traffic.internal)?,
            reach(traffic.external)?,
            serde_json::to_value(traffic.prefer).map(word)?,
            traffic.health_port.map_or("-".into(), |port| port.to_string()),
        ]],
    )
}

async fn create(remote: &Remote, create: ServiceCreate) -> anyhow::Result<()> {
    let ServiceCreate { name, vip, ports, network, selector, external_ips, masquerade, affinity, .. } = create;
    let (backends, weights) = (create.backends.iter().map(|it| it.ip).collect(), weights(&create.backends));
    let ServiceCreate { internal, external, prefer, health_port, .. } = create;
    let traffic = Traffic { internal, external, prefer, health_port };
    let selector = selector.into_iter().collect();
    let spec =
        ServiceSpec { network, vip, ports, backends, selector, weights, external_ips, masquerade, affinity, traffic };
    let body = Create { name, spec };
    let answer: Written<Service> = remote.client.post("/v1/services", &body, remote.write).await?;
    written(remote, &answer, &format!("created service {}", body.name))
}

async fn backends(
    remote: &Remote,
    name: &Name,
    add: &[Weighted],
    rm: &[IpAddr],
    weight: &[Weighted],
) -> anyhow::Result<()> {
    let path = format!("/v1/services/{name}");
    let there: Service = remote.client.get(&path).await?;
    let mut spec = there.spec();
    if let Some(missing) = rm.iter().find(|ip| !spec.backends.contains(ip)) {
        anyhow::bail!("{missing} is no backend of service {name}; `sdnctl service inspect {name}` shows them");
    }
    if let Some(bare) = weight.iter().find(|it| it.weight.is_none()) {
        anyhow::bail!("say which weight {0} is to have, like --weight {0}=3", bare.ip);
    }
    spec.backends.retain(|ip| !rm.contains(ip));
    spec.backends.extend(add.iter().map(|it| it.ip));
    spec.weights.retain(|ip, _| !rm.contains(ip));
    spec.weights.extend(weights(add).into_iter().chain(weights(weight)));
    spec.weights.retain(|_, weight| *weight != 1);
    let answer: Written<Service> = remote.client.put(&path, &spec, remote.write).await?;
    written(remote, &answer, &format!("changed service {name}"))
}

fn weights(of: &[Weighted]) -> BTreeMap<IpAddr, u16> {
    of.iter().filter_map(|it| Some((it.ip, it.weight?))).collect()
}

/// Publishes one of a service's ports on every node.
async fn publish(remote: &Remote, name: &Name, wanted: &NodePort, masquerade: bool) -> anyhow::Result<()> {
    let path = format!("/v1/services/{name}");
    let mut spec = remote.client.get::<Service>(&path).await?.spec();
    spec.masquerade |= masquerade;
    let is_chosen = |port: &ServicePort| {
        wanted.port.is_none_or(|number| port.port == number) && wanted.protocol.is_none_or(|it| port.protocol == it)
    };
    let numbers: BTreeSet<u16> = spec.ports.iter().filter(|port| is_chosen(port)).map(|port| port.port).collect();
    if numbers.len() != 1 {
        anyhow::bail!("say which port of service {name} to publish, by its number; it has {}", join(&spec.ports));
    }
    let chosen = spec.ports.iter_mut().filter(|port| is_chosen(port));
    chosen.for_each(|port| port.node_port = Some(wanted.node_port));
    let answer: Written<Service> = remote.client.put(&path, &spec, remote.write).await?;
    let ports = answer.object.iter().flat_map(|service| &service.ports).filter(|port| is_chosen(port));
    let published: BTreeSet<u16> = ports.filter_map(|port| port.node_port).collect();
    let at = if published.is_empty() { String::new() } else { format!(" at port {} of every node", join(&published)) };
    written(remote, &answer, &format!("published service {name}{at}"))
}

async fn unpublish(remote: &Remote, name: &Name) -> anyhow::Result<()> {
    let path = format!("/v1/services/{name}");
    let mut spec = remote.client.get::<Service>(&path).await?.spec();
    spec.ports.iter_mut().for_each(|port| port.node_port = None);
    let answer: Written<Service> = remote.client.put(&path, &spec, remote.write).await?;
    written(remote, &answer, &format!("service {name} is not published any more"))
}
