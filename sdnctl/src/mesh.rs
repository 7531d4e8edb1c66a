//! `sdnctl mesh`

use std::collections::BTreeMap;

use api::{
    MeshMode, MeshSpec, Written,
    status::{Link, Mesh},
};
use comfy_table::Table;

use crate::{
    cli::Remote,
    output::{self, print, print_table, written},
};

fn matrix(mesh: &Mesh) -> anyhow::Result<()> {
    let links: BTreeMap<(&str, &str), &Link> =
        mesh.links.iter().map(|link| ((link.from.as_str(), link.to.as_str()), link)).collect();
    let mut table = Table::new();
    table.set_header(std::iter::once("FROM \\ TO").chain(mesh.nodes.iter().map(|node| node.as_str())));
    for from in &mesh.nodes {
        let cell = |to: &api::Name| match links.get(&(from.as_str(), to.as_str())) {
            Some(link) => describe(link),
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
    if let Some(mtu) = mesh.path_mtu {
        print(&format!("Endpoints send at most {mtu} bytes to other hosts\n"))?;
    }
    if mesh.every_seconds > 1.0 {
        let (small, full) = (mesh.every_seconds, mesh.full_every_seconds);
        print(&format!("A sample is probed each second: all pairs in {small:.0} s, at full size in {full:.0} s\n"))?;
    }
    for link in mesh.links.iter().filter(|link| link.arrives == Some(false)) {
        print(&format!("BROKEN: nothing from {} arrives at {}\n", link.from, link.to))?;
    }
    Ok(())
}

/// `sdnctl mesh set`
pub async fn set(remote: &Remote, mode: MeshMode) -> anyhow::Result<()> {
    let answer: Written<MeshSpec> = remote.client.put("/v1/mesh", &MeshSpec { mode }, remote.write).await?;
    written(remote, &answer, &format!("mesh {}", mode.as_str()))
}

pub async fn show(remote: &Remote) -> anyhow::Result<()> {
    let mesh: Mesh = remote.client.get("/v1/mesh").await?;
    output::show(remote, &mesh, matrix)
}

fn describe(link: &Link) -> String {
    let loss = if link.loss > 0.0 { format!(" {:.0}% lost", link.loss * 100.0) } else { String::new() };
    let mtu = link.mtu.map_or(String::new(), |mtu| format!(" {mtu}"));
    match link.rtt_seconds.filter(|_| link.up) {
        Some(rtt) => format!("{:.2} ms{mtu}{loss}", rtt * 1000.0),
        None if link.arrives == Some(false) => "BROKEN".into(),
        None => "down".into(),
    }
}
