//! `sdnctl network|endpoint|policy`

use api::{
    Create, Endpoint, EndpointSpec, List, Mode, Name, Network, NetworkConnections, NetworkSpec, Policy, PolicyRule,
    Written,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    cli::{EndpointVerb, NetworkCreate, NetworkVerb, Remote, Verb},
    output::{join, json, print, show, table, written},
};

pub async fn network(remote: &Remote, verb: NetworkVerb) -> anyhow::Result<()> {
    match verb {
        NetworkVerb::Ls => {
            let list: List<Network> = remote.client.get("/v1/networks").await?;
            show(remote, &list, |list| table(NETWORK, list.items.iter().map(network_row)))
        }
        NetworkVerb::Inspect { name } => inspect_network(remote, &name).await,
        NetworkVerb::Create(create) => create_network(remote, create).await,
        NetworkVerb::Rm { name } => remove::<Network>(remote, "networks", &name).await,
    }
}

const NETWORK: [&str; 7] = ["NAME", "VNI", "SUBNETS", "PER NODE", "TUNNEL", "INTERNAL", "REVISION"];

fn network_row(network: &Network) -> [String; 7] {
    let spec = &network.spec;
    let share = match spec.mode {
        Mode::Routed => join(spec.subnets.iter().map(|net| format!("/{}", spec.share_prefix(net)))),
        Mode::Flat => "flat".into(),
    };
    [
        network.name.to_string(),
        network.id.to_string(),
        join(&spec.subnets),
        share,
        spec.tunnel.as_str().to_owned(),
        if spec.internal { "yes" } else { "no" }.into(),
        network.revision.to_string(),
    ]
}

/// A network, and how many of its connections each host's switch remembers.
async fn inspect_network(remote: &Remote, name: &Name) -> anyhow::Result<()> {
    let network: Network = remote.client.get(&format!("/v1/networks/{name}")).await?;
    let connections: NetworkConnections = remote.client.get(&format!("/v1/networks/{name}/connections")).await?;
    show(remote, &InspectedNetwork { network, connections }, |InspectedNetwork { network, connections }| {
        table(NETWORK, [network_row(network)])?;
        print("\n")?;
        let limit = if connections.limit == 0 { "none".into() } else { connections.limit.to_string() };
        let nodes = connections.nodes.iter();
        table(["NODE", "CONNECTIONS", "LIMIT"], nodes.map(|(node, n)| [node.to_string(), n.to_string(), limit.clone()]))
    })
}

#[derive(Serialize)]
struct InspectedNetwork {
    #[serde(flatten)]
    network: Network,
    connections: NetworkConnections,
}

async fn create_network(remote: &Remote, create: NetworkCreate) -> anyhow::Result<()> {
    let NetworkCreate { name, subnet, tunnel, internal, flat, node_prefix, node_prefix6 } = create;
    let mode = if flat { Mode::Flat } else { Mode::Routed };
    let spec = NetworkSpec { subnets: subnet, mode, node_prefix, node_prefix6, tunnel, internal };
    let body = Create { name, spec };
    let answer: Written<Network> = remote.client.post("/v1/networks", &body, remote.write).await?;
    written(remote, &answer, &format!("created network {}", body.name))
}

pub async fn endpoint(remote: &Remote, verb: EndpointVerb) -> anyhow::Result<()> {
    match verb {
        EndpointVerb::Ls => {
            let list: List<Endpoint> = remote.client.get("/v1/endpoints").await?;
            show(remote, &list, |list| {
                table(
                    ["NAME", "NODE", "NETWORK", "IP", "MAC", "PORT", "LABELS"],
                    list.items.iter().map(|endpoint| {
                        let labels = join(endpoint.labels.iter().map(|(key, value)| format!("{key}={value}")));
                        let [name, node, network] =
                            [&endpoint.name, &endpoint.node, &endpoint.network].map(Name::to_string);
                        [
                            name,
                            node,
                            network,
                            join(&endpoint.ips),
                            endpoint.mac.to_string(),
                            endpoint.port.to_string(),
                            labels,
                        ]
                    }),
                )
            })
        }
        EndpointVerb::Terminate { name, undo } => terminate(remote, &name, !undo).await,
        EndpointVerb::Inspect { name } => inspect::<Endpoint>(remote, "endpoints", &name).await,
        EndpointVerb::Rm { name } => remove::<Endpoint>(remote, "endpoints", &name).await,
    }
}

async fn terminate(remote: &Remote, name: &Name, terminating: bool) -> anyhow::Result<()> {
    let there: Endpoint = remote.client.get(&format!("/v1/endpoints/{name}")).await?;
    let body = Create { name: name.clone(), spec: EndpointSpec { terminating, ..there.spec() } };
    let answer: Written<Endpoint> = remote.client.post("/v1/endpoints", &body, remote.write).await?;
    written(remote, &answer, &format!("{} {name}", if terminating { "terminating:" } else { "no longer terminating:" }))
}

pub async fn policy(remote: &Remote, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Ls => {
            let list: List<Policy> = remote.client.get("/v1/policies").await?;
            show(remote, &list, |list| {
                let rules = |rules: &Option<Vec<PolicyRule>>| {
                    rules.as_ref().map_or("-".into(), |rules| format!("{} rules", rules.len()))
                };
                table(
                    ["NAME", "NETWORK", "SELECTOR", "INGRESS", "EGRESS", "REVISION"],
                    list.items.iter().map(|policy| {
                        let spec = &policy.spec;
                        let selector = join(spec.selector.iter().map(|(key, value)| format!("{key}={value}")));
                        [
                            policy.name.to_string(),
                            spec.network.to_string(),
                            if selector.is_empty() { "all".into() } else { selector },
                            rules(&spec.ingress),
                            rules(&spec.egress),
                            policy.revision.to_string(),
                        ]
                    }),
                )
            })
        }
        Verb::Inspect { name } => inspect::<Policy>(remote, "policies", &name).await,
        Verb::Rm { name } => remove::<Policy>(remote, "policies", &name).await,
    }
}

/// All of one object; there is no shorter form of all.
pub async fn inspect<T: Serialize + DeserializeOwned>(remote: &Remote, kind: &str, name: &Name) -> anyhow::Result<()> {
    json(&remote.client.get::<T>(&format!("/v1/{kind}/{name}")).await?)
}

/// Removes an object and waits.
pub async fn remove<T: Serialize + DeserializeOwned>(remote: &Remote, kind: &str, name: &Name) -> anyhow::Result<()> {
    let answer: Written<T> = remote.client.delete(&format!("/v1/{kind}/{name}"), remote.write).await?;
    written(remote, &answer, &format!("removed {name}"))
}
