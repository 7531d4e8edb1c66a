//! Services on real switches: one backend of a thousand, on 20 hosts; 5,000 services of one host; and their packets, in
//! [`dataplane`].

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use api::{DEFAULT_NETWORK, Manifest, Name};

use super::table::{Figure, Row};
use super::{dataplane, floor, scale};
use crate::load::figures::Times;
use crate::load::intent::{self, Intent};
use crate::plan::{Config, Place};
use crate::testbed::{Scoped, Testbed};
use crate::{control, host, netns};

/// Backends of the large service.
const BACKENDS: usize = 1000;
const ROUNDS: usize = 11;
/// Services of one host, and backends of each.
const SERVICES: u32 = 5000;
const EACH: usize = 4;
/// Endpoints that are backends of them.
const POOL: usize = 20;
const FIRST_VIP: u32 = 0x0a61_0001;

/// Measures all.
///
/// # Errors
/// When a step fails.
pub fn measure(say: &mut dyn FnMut(&str)) -> Result<Vec<Row>> {
    let mut rows = dataplane::measure(say)?;
    say("a service with 1,000 backends on 20 hosts");
    rows.extend(within(scale::HOSTS, |testbed| Box::pin(one_of_many(testbed)))?);
    say("5,000 services on one host");
    rows.extend(within(1, |testbed| Box::pin(many(testbed)))?);
    Ok(rows)
}

type Measured<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Vec<Row>>> + 'a>>;

fn within(hosts: u16, measure: impl for<'a> FnOnce(&'a Testbed) -> Measured<'a> + Send) -> Result<Vec<Row>> {
    let config = Config { hosts, ..Config::new("bench") };
    let testbed = Scoped::up(&config, &mut |_| {})?;
    host::each(&config, |host| netns::within(&config.netns(&Place::from(host)), scale::make_devices))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    netns::within(&config.netns(&Place::Controller), || runtime.block_on(measure(&testbed)))
}

fn row(what: String, ours: Figure, must: &str) -> Row {
    Row { what, ours, peer: None, must: must.into() }
}

/// The addresses of so many endpoints on each host.
async fn endpoints(testbed: &Testbed, intent: &Intent, each: usize) -> Result<Vec<IpAddr>> {
    let nodes = testbed.config().host_ids().map(|host| Name::new(host.to_string())).collect::<Result<Vec<_>, _>>()?;
    let network = Name::new(DEFAULT_NETWORK)?;
    let all: Vec<(usize, usize)> = (0..nodes.len()).flat_map(|n| (0..each).map(move |k| (n, k))).collect();
    let name = |(n, k): (usize, usize)| Name::new(format!("e{n}-{k}"));
    let object = |&(n, k): &(usize, usize)| intent::endpoint(name((n, k))?, &nodes[n], &scale::device(k), &network);
    intent.apply_everywhere(all.iter().map(object).collect::<Result<_>>()?).await?;
    intent.addresses(&all.into_iter().map(name).collect::<Result<Vec<_>, _>>()?).await
}

async fn one_of_many(testbed: &Testbed) -> Result<Vec<Row>> {
    let intent = Intent::new(&control::local_server(testbed.config()))?;
    let all = endpoints(testbed, &intent, BACKENDS / usize::from(scale::HOSTS)).await?;
    let (last, others) = all.split_last().context("backends")?;
    intent.service(1, others, true).await?;
    let (mut joins, mut leaves, mut sent, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (times, backends) in [(&mut joins, &all[..]), (&mut leaves, others)] {
            tokio::time::sleep(scale::SETTLED).await;
            let before = sent_to_switches(testbed)?;
            let cpu_before = scale::switches_cpu(testbed);
            let since = Instant::now();
            intent.backends(1, backends).await?;
            times.push(since.elapsed());
            cpu.push(scale::switches_cpu(testbed).saturating_sub(cpu_before));
            sent.push(sent_to_switches(testbed)? - before);
        }
    }
    ensure!(last.is_ipv4(), "an IPv4 service");
    sent.sort_unstable();
    let cores = std::thread::available_parallelism()?;
    let time = |times| Figure::seconds(Times::of(times).median);
    let barriers = floor::barriers(testbed, ROUNDS).await?;
    Ok(vec![
        row("20 hosts: one backend more to 1,000".into(), time(joins), "20 ms"),
        row("20 hosts: one backend less of 1,000".into(), time(leaves), "20 ms"),
        row("an empty barrier to these 20 switches, by local sockets".into(), time(barriers), ""),
        row(format!("how long {cores} cores run all ovs-vswitchd for it"), time(cpu), ""),
        row(
            "bytes sent to 20 switches for it, at the most".into(),
            Figure::Bytes(*sent.last().unwrap_or(&0)),
            "bounded",
        ),
    ])
}

/// What the controller's OpenFlow sessions have sent, in bytes.
fn sent_to_switches(testbed: &Testbed) -> Result<u64> {
    let said = testbed.run(&Place::Controller, &["ss", "-Htin", "state", "established", "sport = :6653"])?;
    let counts = said.split_whitespace().filter_map(|word| word.strip_prefix("bytes_sent:")?.parse::<u64>().ok());
    Ok(counts.sum())
}

async fn many(testbed: &Testbed) -> Result<Vec<Row>> {
    let intent = Intent::new(&control::local_server(testbed.config()))?;
    let backends = endpoints(testbed, &intent, POOL).await?;
    let flows = async || anyhow::Ok(intent.status().await?.switches.first().context("a switch")?.flows);
    let before = flows().await?;
    let service = |n: u32| -> Result<Manifest> {
        let of: Vec<&IpAddr> = backends.iter().cycle().skip(n as usize % POOL).take(EACH).collect();
        let vip = Ipv4Addr::from(FIRST_VIP + n);
        let spec = serde_json::json!({"vip": vip, "ports": [{"port": 80, "target_port": 8080}], "backends": of});
        Ok(Manifest::Service { name: Name::new(format!("s{n}"))?, spec: serde_json::from_value(spec)? })
    };
    let services = (0..SERVICES).map(service).collect::<Result<Vec<_>>>()?;
    let since = Instant::now();
    intent.apply_everywhere(services).await?;
    let loaded = since.elapsed();
    let mut after = flows().await?;
    // What a switch has is counted now and then.
    while after < before + u64::from(SERVICES) && since.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        after = flows().await?;
    }
    let each = (after - before) as f64 / f64::from(SERVICES);
    Ok(vec![
        row(format!("one real switch: {SERVICES} services with {EACH} backends, loaded"), Figure::Time(loaded), "1 s"),
        row("flows for each of them".into(), Figure::Rate(each), "3"),
    ])
}
