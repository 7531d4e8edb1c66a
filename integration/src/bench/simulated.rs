//! One change on 10, 100 and 1,000 simulated hosts with 100 endpoints each: what it costs is to stay as it is.

use anyhow::{Context, Result};

use super::table::{Figure, Row};
use crate::alone::Alone;
use crate::load::mesh::{self, Misbehave, Report};

const SIZES: [usize; 3] = [10, 100, 1000];

/// Measures all sizes.
///
/// # Errors
/// When a step fails.
pub fn measure(say: &mut dyn FnMut(&str)) -> Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows = Vec::new();
    for nodes in SIZES {
        say(&format!("{nodes} simulated hosts"));
        let controller = Alone::start()?;
        let config = mesh::Config {
            endpoints: 100,
            services: 10,
            backends: 10,
            rounds: 100,
            service_rounds: 5,
            flat_rounds: 11,
            reconnect: true,
            patience: std::time::Duration::from_secs(180),
            ..controller.mesh(nodes)
        };
        let report = runtime.block_on(mesh::run(&config, &mut |_| {})).context("simulated hosts")?;
        rows.extend(lines(&report)?);
    }
    Ok(rows)
}

/// One endpoint more on 100 healthy hosts, beside 50 that misbehave in each way.
///
/// # Errors
/// When a step fails.
pub fn trouble(say: &mut dyn FnMut(&str)) -> Result<Vec<Row>> {
    say("100 simulated hosts, and 50 more");
    let calm = beside(None)?;
    let mut rows = Vec::new();
    for kind in [Misbehave::Flap, Misbehave::Deaf, Misbehave::WrongXid, Misbehave::Storm] {
        say(&format!("100 simulated hosts, and 50 of kind {kind:?}"));
        rows.push(Row {
            what: format!("100 simulated hosts beside 50 of kind {kind:?}: one endpoint more, p99"),
            ours: beside(Some((kind, 50)))?,
            peer: Some((calm, "all are well".into())),
            must: "2 times as long".into(),
        });
    }
    Ok(rows)
}

fn beside(misbehave: Option<(Misbehave, usize)>) -> Result<Figure> {
    let controller = Alone::start()?;
    let config = mesh::Config { endpoints: 100, rounds: 300, misbehave, ..controller.mesh(150) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(mesh::run(&config, &mut |_| {})).context("simulated hosts")?;
    Ok(Figure::seconds(report.endpoint_seconds.p99))
}

fn lines(report: &Report) -> Result<Vec<Row>> {
    let most = report.nodes == SIZES[SIZES.len() - 1];
    let row = |what: &str, ours, must: &str| Row {
        what: format!("{} simulated hosts × 100: {what}", report.nodes),
        ours,
        peer: None,
        must: if most { must.into() } else { String::new() },
    };
    let restart = report.restart.context("they did not come back")?;
    Ok(vec![
        row("cold start to all in sync", Figure::seconds(report.cold_start_seconds), "20 s"),
        row("one endpoint more, median", Figure::seconds(report.endpoint_seconds.median), ""),
        row("one endpoint more, p99", Figure::seconds(report.endpoint_seconds.p99), "50 ms"),
        row("one of a flat network, p99", Figure::seconds(report.flat_seconds.p99), "500 ms"),
        row("one service more, median", Figure::seconds(report.service_seconds.median), ""),
        row("all go and come back: flow-mods", Figure::Count(restart.flow_mods), "0"),
        row("all go and come back: until in sync", Figure::seconds(restart.seconds), ""),
        row("memory", Figure::Bytes(report.memory.controller_bytes.context("no memory figure")?), "300 MB"),
    ])
}
