//! `sdnctl plan --nodes …`: what a size would take.

use api::{Load, Prediction};

use crate::{
    cli::{Remote, Size},
    output::{self, print, table},
};

/// How many backends a service has if nobody says.
const BACKENDS: u32 = 10;

async fn predict(remote: &Remote, size: &Size) -> anyhow::Result<Prediction> {
    let backends = size.backends.unwrap_or(BACKENDS.min(size.endpoints));
    let query =
        [("nodes", size.nodes), ("endpoints", size.endpoints), ("services", size.services), ("backends", backends)]
            .map(|(key, value)| (key, value.to_string()));
    let query: Vec<(&str, &str)> = query.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Ok(remote.client.get_query("/v1/plan", &query).await?)
}

pub async fn show(remote: &Remote, size: &Size) -> anyhow::Result<()> {
    output::show(remote, &predict(remote, size).await?, |prediction| {
        let size = prediction.size;
        print(&format!(
            "{} nodes, {} endpoints, {} services of {} backends\n\n",
            size.nodes, size.endpoints, size.services, size.backends
        ))?;
        let tables = prediction.tables.iter().map(|t| [t.id.to_string(), t.name.clone(), t.flows.to_string()]);
        table(["TABLE", "NAME", "FLOWS"], tables)?;
        print("\n")?;
        let row = |what: &str, load: &Load| {
            [what.into(), load.flows.to_string(), load.groups.to_string(), bytes(load.message_bytes)]
        };
        let loads = [row("the fullest switch", &prediction.switch), row("all switches", &prediction.total)];
        table(["", "FLOWS", "GROUPS", "MESSAGES"], loads)?;
        print(&format!("\ncontroller: {} of heap, and its sessions\n", bytes(prediction.memory_bytes)))?;
        prediction.obstacles.iter().try_for_each(|obstacle| print(&format!("not with these options: {obstacle}\n")))
    })
}

fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
