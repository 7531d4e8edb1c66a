//! `sdnctl service`

use std::net::IpAddr;

use api::{Create, List, Name, Service, ServicePort, ServiceSpec, Traffic, Written, balance::Balance};

use crate::{
    cli::{NodePort, Remote, ServiceCreate, ServiceVerb},
    objects::remove,
    output::{join, print, show, table, written},
};

pub async fn run(remote: &Remote, verb: ServiceVerb) -> anyhow::Result<()> {
    match verb {
        ServiceVerb::Ls => list(remote).await,
        ServiceVerb::Inspect { name } => inspect(remote, &name).await,
        ServiceVerb::Create(create) => self::create(remote, create).await,
        ServiceVerb::Backends { name, add, rm } => backends(remote, &name, &add, &rm).await,
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
        table(
            ["BACKEND", "NODE", "IP", "STATE", "CONNECTIONS"],
            balance.members.iter().map(|member| {
                let [endpoint, node] = [&member.endpoint, &member.node].map(Name::to_string);
                [endpoint, node, join(&member.ips), member.state.clone(), member.connections.to_string()]
            }),
        )?;
        print("\n")?;
        let groups = balance.nodes.iter().flat_map(|node| node.groups.iter().map(move |group| (&node.node, group)));
        table(
            ["NODE", "GROUP", "PORT", "CLIENTS", "BACKENDS (WEIGHT): CONNECTIONS"],
            groups.map(|(node, group)| {
                let targets = join(group.targets.iter().map(|target| {
                    let endpoint = target.endpoint.as_ref().map_or("gone", Name::as_str);
                    format!("{endpoint}({}):{}", target.weight, target.connections)
                }));
                [node.to_string(), group.id.to_string(), group.port.to_string(), group.clients.clone(), targets]
            }),
        )?;
        match balance.unread.is_empty() {
            true => Ok(()),
            false => print(&format!("\nnot read: {}\n", join(&balance.unread))),
        }
    })
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
    let ServiceCreate { name, vip, ports, network, selector, backends, external_ips, masquerade, affinity, .. } =
        create;
    let ServiceCreate { internal, external, prefer, health_port, .. } = create;
    let traffic = Traffic { internal, external, prefer, health_port };
    let selector = selector.into_iter().collect();
    let spec = ServiceSpec { network, vip, ports, backends, selector, external_ips, masquerade, affinity, traffic };
    let body = Create { name, spec };
    let answer: Written<Service> = remote.client.post("/v1/services", &body, remote.write).await?;
    written(remote, &answer, &format!("created service {}", body.name))
}

async fn backends(remote: &Remote, name: &Name, add: &[IpAddr], rm: &[IpAddr]) -> anyhow::Result<()> {
    let path = format!("/v1/services/{name}");
    let there: Service = remote.client.get(&path).await?;
    let mut spec = there.spec();
    if let Some(missing) = rm.iter().find(|ip| !spec.backends.contains(ip)) {
        anyhow::bail!("{missing} is no backend of service {name}; `sdnctl service inspect {name}` shows them");
    }
    spec.backends.retain(|ip| !rm.contains(ip));
    spec.backends.extend(add);
    let answer: Written<Service> = remote.client.put(&path, &spec, remote.write).await?;
    written(remote, &answer, &format!("changed service {name}"))
}

/// Publishes one of a service's ports on every node.
async fn publish(remote: &Remote, name: &Name, wanted: &NodePort, masquerade: bool) -> anyhow::Result<()> {
    let path = format!("/v1/services/{name}");
    let mut spec = remote.client.get::<Service>(&path).await?.spec();
    spec.masquerade |= masquerade;
    let count = spec.ports.len();
    let chosen = |port: &&mut ServicePort| wanted.port.map_or(count == 1, |number| port.port == number);
    let Some(port) = spec.ports.iter_mut().find(chosen) else {
        anyhow::bail!("say which port of service {name} to publish, by its number; it has {}", join(&spec.ports));
    };
    port.node_port = Some(wanted.node_port);
    let key = (port.port, port.protocol);
    let answer: Written<Service> = remote.client.put(&path, &spec, remote.write).await?;
    let published = answer.object.as_ref().and_then(|service| {
        service.ports.iter().find(|port| (port.port, port.protocol) == key).and_then(|port| port.node_port)
    });
    let at = published.map_or_else(String::new, |port| format!(" at port {port} of every node"));
    written(remote, &answer, &format!("published service {name}{at}"))
}

async fn unpublish(remote: &Remote, name: &Name) -> anyhow::Result<()> {
    let path = format!("/v1/services/{name}");
    let mut spec = remote.client.get::<Service>(&path).await?.spec();
    spec.ports.iter_mut().for_each(|port| port.node_port = None);
    let answer: Written<Service> = remote.client.put(&path, &spec, remote.write).await?;
    written(remote, &answer, &format!("service {name} is not published any more"))
}
