//! Pods: a namespace each, attached by their host's agent.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::plan::{Config, HostId, Place, check_pod_name};
use crate::state::{self, StateDir};
use crate::{control, netns, tool};

/// What `pod add` is asked for.
#[derive(Clone, Debug)]
pub struct PodSpec {
    /// Name, unique in the testbed.
    pub name: String,
    /// Where it runs.
    pub host: HostId,
    /// Network to join, when not the default one.
    pub network: Option<String>,
    /// Address to have, when not any free one.
    pub ip: Option<String>,
    /// Labels as `key=value`.
    pub labels: Vec<String>,
}

impl PodSpec {
    /// A pod in the default network with any free address.
    #[must_use]
    pub fn new(name: &str, host: HostId) -> Self {
        Self { name: name.to_owned(), host, network: None, ip: None, labels: Vec::new() }
    }
}

/// A pod that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pod {
    /// Name, unique in the testbed.
    pub name: String,
    /// Host it is on.
    pub host: String,
    /// First address.
    pub ip: String,
    /// Its IPv6 address, if that is not the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip6: Option<String>,
    /// MAC address of its `eth0`.
    pub mac: String,
}

/// Makes the pod's namespace and has the host's agent attach it.
///
/// # Errors
/// When there is such a pod or no such host, or when the agent refuses; nothing is left of the pod
/// then.
pub fn add(config: &Config, state: &StateDir, spec: &PodSpec) -> Result<Pod> {
    check_pod_name(&spec.name)?;
    config.check_host(spec.host)?;
    let file = claim(state, spec)?;
    let ns = config.netns(&Place::Pod(spec.name.clone()));
    let added = netns::add(std::slice::from_ref(&ns)).and_then(|()| {
        attach(config, state, spec, &ns).inspect_err(|_| {
            let _ = netns::remove(std::slice::from_ref(&ns));
        })
    });
    match added {
        Ok(pod) => state::write(&file, &pod).map(|()| pod),
        Err(error) => {
            let _ = fs::remove_file(&file);
            Err(error)
        }
    }
}

/// Has the host's agent detach the pod and removes its namespace.
///
/// # Errors
/// When there is no such pod, or when the agent refuses; the pod is still there then.
pub fn remove(config: &Config, state: &StateDir, name: &str) -> Result<()> {
    let pod = find(config, state, name)?;
    let host = pod.host.parse()?;
    let mut command = Command::new(control::program("sdn-agent")?);
    command.args(["detach", name, "--socket"]).arg(control::agent_socket(state, host));
    netns::within(&config.netns(&Place::from(host)), || tool::run(&mut command))?;
    netns::remove(&[config.netns(&Place::Pod(name.to_owned()))])?;
    fs::remove_file(file(state, name)).context("cannot forget the pod")
}

/// A pod by name.
///
/// # Errors
/// When there is none of this name.
pub fn find(config: &Config, state: &StateDir, name: &str) -> Result<Pod> {
    check_pod_name(name)?;
    let file = file(state, name);
    ensure!(file.exists(), "no pod {name} in testbed {}", config.name);
    state::read(&file)
}

/// Names of all pods, those being made included.
///
/// # Errors
/// When the state directory cannot be read.
pub fn names(state: &StateDir) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(state.pods())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".json").map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

fn file(state: &StateDir, name: &str) -> PathBuf {
    state.pods().join(format!("{name}.json"))
}

/// Takes the name before the namespace exists, so that `down` knows of it at any time.
fn claim(state: &StateDir, spec: &PodSpec) -> Result<PathBuf> {
    let file = file(state, &spec.name);
    match OpenOptions::new().write(true).create_new(true).open(&file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("there is a pod {} already", spec.name)
        }
        opened => opened.map(|_| file).context("cannot note the pod"),
    }
}

/// What `sdn-agent attach` prints, as far as it is needed here.
#[derive(Deserialize)]
struct Attached {
    ips: Vec<String>,
    mac: String,
}

fn attach(config: &Config, state: &StateDir, spec: &PodSpec, ns: &str) -> Result<Pod> {
    netns::within(ns, || tool::ip_batch(&["link set lo up".to_owned()]))?;
    let mut command = Command::new(control::program("sdn-agent")?);
    command
        .args(["attach", &spec.name, "--socket"])
        .arg(control::agent_socket(state, spec.host))
        .arg("--netns")
        .arg(netns::path(ns));
    for (flag, value) in [("--network", &spec.network), ("--ip", &spec.ip)] {
        command.args(value.iter().flat_map(|value| [flag, value.as_str()]));
    }
    command.args(spec.labels.iter().flat_map(|label| ["--label", label.as_str()]));
    let host_ns = config.netns(&Place::from(spec.host));
    let printed = netns::within(&host_ns, || tool::run(&mut command))?;
    let attached: Attached = serde_json::from_str(&printed).context("cannot read what sdn-agent printed")?;
    let mut ips = attached.ips.into_iter();
    let ip = ips.next().context("the agent gave no address")?;
    Ok(Pod { name: spec.name.clone(), host: spec.host.to_string(), ip, ip6: ips.next(), mac: attached.mac })
}
