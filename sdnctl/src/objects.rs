//! `sdnctl node|network|endpoint`

use api::{Endpoint, List, Name, Network, Node, Written};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    cli::{ReadVerb, Remote, Verb},
    output::{join, json, show, table, written},
};

pub async fn node(remote: &Remote, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Ls => {
            let list: List<Node> = remote.client.get("/v1/nodes").await?;
            show(remote, &list, |list| {
                table(
                    ["NAME", "ID", "ADDRESS", "MTU", "DATAPATH", "REVISION"],
                    list.items.iter().map(|node| {
                        let spec = &node.spec;
                        let datapath = spec.datapath.as_str().to_owned();
                        [
                            node.name.to_string(),
                            node.id.to_string(),
                            spec.address.to_string(),
                            spec.mtu.to_string(),
                            datapath,
                            node.revision.to_string(),
                        ]
                    }),
                )
            })
        }
        Verb::Inspect { name } => inspect::<Node>(remote, "nodes", &name).await,
        Verb::Rm { name } => remove::<Node>(remote, "nodes", &name).await,
    }
}

pub async fn network(remote: &Remote, verb: ReadVerb) -> anyhow::Result<()> {
    match verb {
        ReadVerb::Ls => {
            let list: List<Network> = remote.client.get("/v1/networks").await?;
            show(remote, &list, |list| {
                table(
                    ["NAME", "VNI", "SUBNETS", "PER NODE", "TUNNEL", "REVISION"],
                    list.items.iter().map(|network| {
                        let spec = &network.spec;
                        let share = format!("/{}", spec.node_prefix);
                        let tunnel = spec.tunnel.as_str().to_owned();
                        [
                            network.name.to_string(),
                            network.id.to_string(),
                            join(&spec.subnets),
                            share,
                            tunnel,
                            network.revision.to_string(),
                        ]
                    }),
                )
            })
        }
        ReadVerb::Inspect { name } => inspect::<Network>(remote, "networks", &name).await,
    }
}

pub async fn endpoint(remote: &Remote, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Ls => {
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
        Verb::Inspect { name } => inspect::<Endpoint>(remote, "endpoints", &name).await,
        Verb::Rm { name } => remove::<Endpoint>(remote, "endpoints", &name).await,
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
