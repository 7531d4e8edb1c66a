//! `sdnctl mesh`

use std::collections::BTreeMap;

use api::{
    BfdState, MeshPair, MeshSpec, PairSpec, Way, Written,
    status::{Link, Mesh},
};
use comfy_table::Table;

use crate::{
    cli::{ChosenWay, MeshVerb, Remote},
    output::{self, print, print_table, written},
};

fn matrix(mesh: &Mesh) -> anyhow::Result<()> {
    let links: BTreeMap<(&str, &str), &Link> =
        mesh.links.iter().map(|link| ((link.from.as_str(), link.to.as_str()), link)).collect();
    let differ = mesh.links.windows(2).any(|two| two[0].way != two[1].way);
    let mut table = Table::new();
    table.set_header(std::iter::once("FROM \\ TO").chain(mesh.nodes.iter().map(|node| node.as_str())));
    for from in &mesh.nodes {
        let cell = |to: &api::Name| match links.get(&(from.as_str(), to.as_str())) {
            Some(link) => describe(link, differ),
            None => "-".to_owned(),
        };
        table.add_row(std::iter::once(from.to_string()).chain(mesh.nodes.iter().map(cell)));
    }
    let down = mesh.links.iter().filter(|link| !link.up).count();
    print_table(table)?;
    print(&format!(
        "\nMode {}, {} directed pairs, {down} down; round-trip time through the tunnel",
        mesh.mode.as_str(),
        mesh.links.len()
    ))?;
    print(", largest packet that gets through in bytes\n")?;
    for pair in &mesh.pairs {
        let [one, other] = &pair.between;
        print(&format!("Chosen between {one} and {other}: {}\n", pair.way))?;
    }
    if let Some(mtu) = mesh.path_mtu {
        print(&format!("Endpoints send at most {mtu} bytes to other hosts\n"))?;
    }
    if mesh.every_seconds > 1.0 {
        let (small, full) = (mesh.every_seconds, mesh.full_every_seconds);
        print(&format!("A sample is probed each second: all pairs in {small:.0} s, at full size in {full:.0} s\n"))?;
    }
    let sessions = mesh.links.iter().filter_map(|link| Some((link, link.bfd.as_ref()?)));
    for (link, bfd) in sessions.filter(|(_, bfd)| bfd.state != BfdState::Up) {
        let why = bfd.diagnostic.as_ref().map_or(String::new(), |why| format!(": {why}"));
        print(&format!("BFD is {} at {} to {}{why}\n", bfd.state.as_str(), link.from, link.to))?;
    }
    for link in mesh.links.iter().filter(|link| link.arrives == Some(false)) {
        print(&format!("BROKEN: nothing from {} arrives at {}\n", link.from, link.to))?;
    }
    for link in mesh.links.iter().filter(|link| link.direct == Some(false)) {
        print(&format!("BROKEN: plain packets from {} do not reach {}, and take the tunnel\n", link.from, link.to))?;
    }
    Ok(())
}

/// `sdnctl mesh set` and `sdnctl mesh pair`
pub async fn change(remote: &Remote, verb: MeshVerb) -> anyhow::Result<()> {
    let (one, other, way) = match verb {
        MeshVerb::Set { mode } => {
            let answer: Written<MeshSpec> = remote.client.put("/v1/mesh", &MeshSpec { mode }, remote.write).await?;
            return written(remote, &answer, &format!("mesh {}", mode.as_str()));
        }
        MeshVerb::Pair { one, other, way } => (one, other, way),
    };
    let path = format!("/v1/mesh/pairs/{one}/{other}");
    let put = async |way| remote.client.put(&path, &PairSpec { way }, remote.write).await;
    let answer: Written<MeshPair> = match way {
        ChosenWay::Flow => put(Way::Flow).await?,
        ChosenWay::Static => put(Way::Static).await?,
        ChosenWay::Direct => put(Way::Direct).await?,
        ChosenWay::Default => remote.client.delete(&path, remote.write).await?,
    };
    let used = answer.object.as_ref().map_or("", |pair| pair.way.as_str());
    written(remote, &answer, &format!("mesh between {one} and {other}: {used}"))
}

pub async fn show(remote: &Remote) -> anyhow::Result<()> {
    let mesh: Mesh = remote.client.get("/v1/mesh").await?;
    output::show(remote, &mesh, matrix)
}

/// With the way it takes, where they differ or it is not the one it is to take.
fn describe(link: &Link, differ: bool) -> String {
    let way = match link.direct {
        Some(false) => " by tunnel".to_owned(),
        _ if differ => format!(" {}", link.way),
        _ => String::new(),
    };
    let loss = if link.loss > 0.0 { format!(" {:.0}% lost", link.loss * 100.0) } else { String::new() };
    let mtu = link.mtu.map_or(String::new(), |mtu| format!(" {mtu}"));
    match link.rtt_seconds.filter(|_| link.up) {
        Some(rtt) => format!("{:.2} ms{mtu}{loss}{way}", rtt * 1000.0),
        None if link.arrives == Some(false) => format!("BROKEN{way}"),
        None => format!("down{way}"),
    }
}
