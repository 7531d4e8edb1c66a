//! The one thing the agent writes to the local Open vSwitch: where its controller is.
//!
//! A row of table Manager makes ovsdb-server connect to the controller, which
//! does everything else over that session. Managers of others stay untouched;
//! ours is known by `external_ids:owner=sdn`.

use std::{process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{net::lookup_host, process::Command, time::sleep};

use crate::{args::ControllerUrl, follow::Configs, identity::Files, trouble::Trouble};

/// How long `ovs-vsctl` may take, in seconds.
const PATIENCE: &str = "--timeout=3";
/// How often the rows are looked at when nothing has changed, and after a failure.
const INTERVALS: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(1));
/// The longest pause between tries to reach the controller, in milliseconds.
const MAX_BACKOFF: u64 = 1000;
/// How long the session may be silent before it is probed, in milliseconds.
const INACTIVITY_PROBE: u64 = 5000;

/// What the local ovsdb-server should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The managers' targets, like `tcp:10.0.0.1:6640`.
    pub targets: Vec<String>,
    /// The node's name.
    pub node: String,
}

/// A row of table Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Manager {
    uuid: String,
    target: String,
    max_backoff: Option<u64>,
    inactivity_probe: Option<u64>,
    ours: bool,
}

/// Keeps the rows right for ever.
pub async fn keep(db: &str, node: &str, controllers: &[ControllerUrl], files: Option<&Files>, mut configs: Configs) {
    let mut trouble = Trouble::new("tell the local Open vSwitch of the controller");
    loop {
        let port = configs.borrow_and_update().as_ref().map(|current| current.config.ovsdb_port);
        let mut pause = INTERVALS.0;
        if let Some(port) = port {
            match tell(db, node, controllers, files, port).await {
                Ok(_) => trouble.over(),
                Err(e) => {
                    trouble.note(e);
                    pause = INTERVALS.1;
                }
            }
        }
        if !port_changed(&mut configs, port, pause).await {
            return;
        }
    }
}

/// Waits until the port differs or the pause is over; answers false when there will be no more configurations.
async fn port_changed(configs: &mut Configs, port: Option<u16>, pause: Duration) -> bool {
    let differs = configs.wait_for(|current| current.as_ref().map(|c| c.config.ovsdb_port) != port);
    tokio::select! {
        changed = differs => changed.is_ok(),
        () = sleep(pause) => true,
    }
}

async fn tell(
    db: &str,
    node: &str,
    controllers: &[ControllerUrl],
    files: Option<&Files>,
    port: u16,
) -> anyhow::Result<bool> {
    if let Some(files) = files {
        ensure_tls(db, files).await?;
    }
    let transport = if files.is_some() { "ssl" } else { "tcp" };
    let mut targets = Vec::new();
    for ControllerUrl { host, .. } in controllers {
        // Open vSwitch may be built without a resolver: it gets an address.
        let address = lookup_host((host.as_str(), port)).await?.next();
        let address = address.ok_or_else(|| anyhow::anyhow!("{host} has no address"))?;
        targets.push(format!("{transport}:{address}"));
    }
    ensure(db, &Want { targets, node: node.to_owned() }).await
}

/// Makes the rows right and answers whether anything had to be written.
///
/// # Errors
/// What `ovs-vsctl` said.
pub async fn ensure(db: &str, want: &Want) -> anyhow::Result<bool> {
    let columns = "--columns=_uuid,target,max_backoff,inactivity_probe,external_ids";
    let listing = vsctl(
        db,
        &["--format=json", columns, "list", "Manager", "--", "--columns=external_ids", "list", "Open_vSwitch", "."],
    )
    .await?;
    let (managers, node) =
        parse(&listing).ok_or_else(|| anyhow::anyhow!("ovs-vsctl printed what is not understood"))?;
    let arguments = steps(want, &managers, node.as_deref());
    if arguments.is_empty() {
        return Ok(false);
    }
    vsctl(db, &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    Ok(true)
}

/// Has Open vSwitch show the host's certificate. There is one configuration for all of it: that of others is left alone.
async fn ensure_tls(db: &str, files: &Files) -> anyhow::Result<()> {
    let columns = "--columns=private_key,certificate,ca_cert,external_ids";
    let listing = vsctl(db, &["--format=json", columns, "list", "SSL"]).await?;
    let row: Option<Vec<Value>> = serde_json::from_str::<Value>(&listing)
        .ok()
        .and_then(|table| serde_json::from_value(table.get("data")?.get(0)?.clone()).ok());
    let [credential, authority] = [&files.credential, &files.authority].map(|path| path.display().to_string());
    if let Some(row) = row {
        let is = |column: usize, wanted: &str| row.get(column).and_then(Value::as_str) == Some(wanted);
        if is(0, &credential) && is(1, &credential) && is(2, &authority) {
            return Ok(());
        }
        let ours = row.get(3).and_then(|ids| entry(ids, "owner")).is_some_and(|owner| owner == "sdn");
        anyhow::ensure!(ours, "Open vSwitch has a TLS configuration of others; ovs-vsctl del-ssl removes it");
    }
    let set =
        ["--", "set-ssl", &credential, &credential, &authority, "--", "set", "SSL", ".", "external_ids:owner=sdn"];
    vsctl(db, &set).await.map(|_| ())
}

async fn vsctl(db: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("ovs-vsctl")
        .args([&format!("--db={db}"), "--no-wait", PATIENCE])
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| anyhow::anyhow!("cannot run ovs-vsctl: {e}; is Open vSwitch installed?"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        anyhow::bail!("{}", reason.lines().last().unwrap_or("ovs-vsctl failed without a word"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The arguments of the `ovs-vsctl` that makes the rows right, as one transaction; none when they are.
fn steps(want: &Want, managers: &[Manager], node: Option<&str>) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut command = |words: &[&str]| {
        commands.push("--".into());
        commands.extend(words.iter().map(|word| (*word).to_owned()));
    };
    let (backoff, probe) = (format!("max_backoff={MAX_BACKOFF}"), format!("inactivity_probe={INACTIVITY_PROBE}"));
    for old in managers.iter().filter(|m| m.ours && !want.targets.contains(&m.target)) {
        command(&["remove", "Open_vSwitch", ".", "manager_options", &old.uuid]);
    }
    for (number, target) in want.targets.iter().enumerate() {
        match managers.iter().find(|m| m.target == *target) {
            None => {
                let (id, target) = (format!("@m{number}"), format!("target=\"{target}\""));
                let create = format!("--id={id}");
                command(&[&create, "create", "Manager", &target, &backoff, &probe, "external_ids:owner=sdn"]);
                command(&["add", "Open_vSwitch", ".", "manager_options", &id]);
            }
            Some(m) if m.max_backoff != Some(MAX_BACKOFF) || m.inactivity_probe != Some(INACTIVITY_PROBE) => {
                command(&["set", "Manager", &m.uuid, &backoff, &probe]);
            }
            Some(_) => {}
        }
    }
    if node != Some(&want.node) {
        command(&["set", "Open_vSwitch", ".", &format!("external_ids:sdn-node=\"{}\"", want.node)]);
    }
    commands
}

/// The managers and the node's name, as two `list` commands in JSON print them.
fn parse(listing: &str) -> Option<(Vec<Manager>, Option<String>)> {
    let mut tables = listing.lines().filter(|line| !line.is_empty());
    let rows = |line: &str| serde_json::from_str::<Value>(line).ok()?.get("data")?.as_array().cloned();
    // With no manager at all, nothing is printed for them.
    let (first, second) = (tables.next()?, tables.next());
    let managers = match second {
        Some(_) => rows(first)?.iter().map(manager).collect::<Option<_>>()?,
        None => Vec::new(),
    };
    let node = rows(second.unwrap_or(first))?.first().and_then(|row| entry(row.get(0)?, "sdn-node"));
    Some((managers, node))
}

fn manager(row: &Value) -> Option<Manager> {
    Some(Manager {
        uuid: row.get(0)?.get(1)?.as_str()?.to_owned(),
        target: row.get(1)?.as_str()?.to_owned(),
        max_backoff: row.get(2)?.as_u64(),
        inactivity_probe: row.get(3)?.as_u64(),
        ours: entry(row.get(4)?, "owner").is_some_and(|owner| owner == "sdn"),
    })
}

/// The value of `key` in a map as RFC 7047 section 5.1 writes it: `["map", [[KEY, VALUE], …]]`.
fn entry(map: &Value, key: &str) -> Option<String> {
    let pairs = map.get(1)?.as_array()?;
    let pair = pairs.iter().find(|pair| pair.get(0).and_then(Value::as_str) == Some(key))?;
    pair.get(1)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want() -> Want {
        Want { targets: vec!["tcp:10.0.0.1:6640".into()], node: "h1".into() }
    }

    fn ours(target: &str) -> Manager {
        Manager {
            uuid: format!("uuid-of-{target}"),
            target: target.into(),
            max_backoff: Some(1000),
            inactivity_probe: Some(5000),
            ours: true,
        }
    }

    #[test]
    fn what_is_right_is_not_written() {
        let other = Manager { ours: false, max_backoff: None, ..ours("ptcp:6641") };
        assert!(steps(&want(), &[other, ours("tcp:10.0.0.1:6640")], Some("h1")).is_empty());
    }

    #[test]
    fn only_our_old_manager_goes() {
        let other = Manager { ours: false, ..ours("tcp:192.0.2.1:6640") };
        let commands = steps(&want(), &[other, ours("tcp:10.9.9.9:6640")], Some("h1")).join(" ");
        assert!(commands.contains("remove Open_vSwitch . manager_options uuid-of-tcp:10.9.9.9:6640"), "{commands}");
        assert!(!commands.contains("192.0.2.1"), "{commands}");
        assert!(commands.contains("create Manager target=\"tcp:10.0.0.1:6640\" max_backoff=1000"), "{commands}");
    }

    #[test]
    fn each_controller_is_a_manager() {
        let want = Want { targets: vec!["tcp:10.0.0.1:6640".into(), "tcp:10.0.0.2:6640".into()], ..want() };
        let commands = steps(&want, &[ours("tcp:10.0.0.1:6640")], Some("h1")).join(" ");
        assert_eq!(
            commands,
            "-- --id=@m1 create Manager target=\"tcp:10.0.0.2:6640\" max_backoff=1000 inactivity_probe=5000 \
             external_ids:owner=sdn -- add Open_vSwitch . manager_options @m1"
        );
    }

    #[test]
    fn wrong_values_are_set_on_the_row_that_is_there() {
        let slow = Manager { max_backoff: Some(8000), ..ours("tcp:10.0.0.1:6640") };
        let commands = steps(&want(), &[slow], Some("h1")).join(" ");
        assert_eq!(commands, "-- set Manager uuid-of-tcp:10.0.0.1:6640 max_backoff=1000 inactivity_probe=5000");
    }

    #[test]
    fn reads_what_ovs_vsctl_prints() {
        let listing = r#"{"data":[[["uuid","db09"],"ptcp:1",["set",[]],["set",[]],["map",[]]],[["uuid","db0a"],"tcp:10.0.0.1:6640",1000,5000,["map",[["owner","sdn"]]]]],"headings":["_uuid","target","max_backoff","inactivity_probe","external_ids"]}
{"data":[[["map",[["sdn-node","h1"],["x","y"]]]]],"headings":["external_ids"]}"#;
        let (managers, node) = parse(listing).unwrap();
        assert_eq!(node.as_deref(), Some("h1"));
        assert_eq!(managers[1], Manager { uuid: "db0a".into(), ..ours("tcp:10.0.0.1:6640") });
        assert!(!managers[0].ours && managers[0].max_backoff.is_none());
        for bad in ["", "{}", "{\"data\":3}", "nonsense\nnonsense"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
