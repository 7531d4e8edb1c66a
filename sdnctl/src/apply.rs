//! `sdnctl apply|plan|get|watch|backup|restore`

use std::path::{Path, PathBuf};

use api::{
    Applied, Backup, Effect, Endpoint, Kind, List, Manifest, Network, Node, Outcome, Planned, Policy, Service,
    WatchEvent, Written,
};
use serde::de::DeserializeOwned;

use crate::{
    cli::{Output, Remote},
    file,
    output::{acknowledged, join, json, print, show, table},
};

pub async fn apply(remote: &Remote, files: &[PathBuf]) -> anyhow::Result<()> {
    let body = file::read(files)?;
    let answer: Applied = remote.client.post("/v1/apply", &body, remote.write).await?;
    show(remote, &answer, |answer| {
        list(&answer.objects)?;
        match answer.objects.iter().all(|object| object.effect == Effect::Unchanged) {
            true => print("nothing changed: all is so already\n"),
            false => print(&format!("applied as revision {}\n", answer.revision)),
        }
    })?;
    acknowledged(remote, answer.revision, &answer.pending)
}

pub async fn plan(remote: &Remote, files: &[PathBuf]) -> anyhow::Result<()> {
    let body = file::read(files)?;
    let plan: Planned = remote.client.post("/v1/plan", &body, remote.write).await?;
    show(remote, &plan, |plan| {
        list(&plan.objects)?;
        for node in &plan.nodes {
            let count = |diff: &str| node.flows.iter().filter(|flow| flow.diff.as_deref() == Some(diff)).count();
            let [added, changed, removed] = ["added", "changed", "removed"].map(count);
            let (groups, ports) = (node.groups.len(), node.ports.join(","));
            let ports = if ports.is_empty() { "no ports".into() } else { format!("ports {ports}") };
            let flows = format!("{added} flows added, {changed} changed, {removed} removed");
            print(&format!("{}: {flows}; {groups} groups, {ports}\n", node.node))?;
            table(
                ["", "TABLE", "PRIORITY", "OWNER", "MATCH", "ACTIONS"],
                node.flows.iter().map(|flow| {
                    let sign = match flow.diff.as_deref() {
                        Some("added") => "+",
                        Some("removed") => "-",
                        _ => "~",
                    };
                    let owner = flow.owner.clone().unwrap_or_default();
                    let actions = flow.reason.as_ref().map_or(flow.actions.clone(), |reason| format!("drop: {reason}"));
                    [sign.into(), flow.table.clone(), flow.priority.to_string(), owner, flow.matching.clone(), actions]
                }),
            )?;
        }
        if plan.nodes.is_empty() { print("no switch would change\n") } else { Ok(()) }
    })
}

fn list(objects: &[Outcome]) -> anyhow::Result<()> {
    let effect = |effect| match effect {
        Effect::Created => "created",
        Effect::Changed => "changed",
        Effect::Unchanged => "unchanged",
    };
    let line = |o: &Outcome| {
        let published = if o.published.is_empty() { String::new() } else { format!(", at {}", join(&o.published)) };
        format!("{}/{} {}{published}\n", o.kind, o.name, effect(o.effect))
    };
    print(&objects.iter().map(line).collect::<String>())
}

/// Prints objects as files hold them: what comes out goes in again.
pub async fn get(remote: &Remote, wanted: &[String]) -> anyhow::Result<()> {
    let mut found: Vec<Manifest> = Vec::new();
    found.extend(all::<Network>(remote, "networks").await?);
    found.extend(all::<Node>(remote, "nodes").await?);
    found.extend(all::<Endpoint>(remote, "endpoints").await?);
    found.extend(all::<Service>(remote, "services").await?);
    found.extend(all::<Policy>(remote, "policies").await?);
    let of_kind = |wanted: &str, kind: Kind| match kind {
        Kind::Policy => ["policy", "policies"].contains(&wanted),
        kind => wanted.trim_end_matches('s') == kind.as_str(),
    };
    let is = |object: &Manifest, wanted: &str| {
        let (kind, name) = object.id();
        of_kind(wanted, kind) || wanted == format!("{kind}/{name}")
    };
    if let Some(missing) = wanted.iter().find(|w| w.contains('/') && !found.iter().any(|object| is(object, w))) {
        anyhow::bail!("there is no {missing}; `sdnctl get` prints all there is");
    }
    let kinds = [Kind::Network, Kind::Node, Kind::Endpoint, Kind::Service, Kind::Policy];
    let known = |w: &str| w.contains('/') || kinds.iter().any(|kind| of_kind(w, *kind));
    if let Some(unknown) = wanted.iter().find(|w| !known(w)) {
        anyhow::bail!("{unknown} is neither KIND nor KIND/NAME; kinds are network, node, endpoint, service, policy");
    }
    found.retain(|object| wanted.is_empty() || wanted.iter().any(|wanted| is(object, wanted)));
    if remote.output == Output::Json {
        return json(&found);
    }
    let documents: Result<Vec<String>, _> = found.iter().map(serde_saphyr::to_string).collect();
    print(&documents?.join("---\n"))
}

async fn all<T: DeserializeOwned + Into<Manifest>>(remote: &Remote, path: &str) -> anyhow::Result<Vec<Manifest>> {
    let list: List<T> = remote.client.get(&format!("/v1/{path}")).await?;
    Ok(list.items.into_iter().map(Into::into).collect())
}

/// Prints every change until the server ends or the watch is too slow.
pub async fn watch(remote: &Remote, after: Option<u64>, kind: Option<String>) -> anyhow::Result<()> {
    let after = match after {
        Some(after) => after,
        None => remote.client.get::<List<Network>>("/v1/networks").await?.revision,
    };
    let kind = kind.map(|kind| format!("&kind={kind}")).unwrap_or_default();
    let mut lines = remote.client.lines(&format!("/v1/watch?after={after}{kind}")).await?;
    while let Some(line) = lines.next().await? {
        let event: WatchEvent = serde_json::from_str(&line)?;
        match (&event, remote.output) {
            (WatchEvent::Gone { error }, _) => anyhow::bail!("{error}"),
            (_, Output::Json) => print(&format!("{line}\n"))?,
            (WatchEvent::Put { revision, kind, name, .. }, _) => print(&format!("{revision} put {kind}/{name}\n"))?,
            (WatchEvent::Delete { revision, kind, name }, _) => print(&format!("{revision} delete {kind}/{name}\n"))?,
            (WatchEvent::Bookmark { .. }, _) => {}
        }
    }
    anyhow::bail!("the server ended the watch; watch again, after the last revision seen")
}

/// Writes all that is stored into a file.
pub async fn backup(remote: &Remote, path: &Path) -> anyhow::Result<()> {
    let backup: Backup = remote.client.get("/v1/backup").await?;
    let text = serde_json::to_string_pretty(&backup)? + "\n";
    if path.as_os_str() == "-" {
        return print(&text);
    }
    // Under another name first: a backup is whole, or not there.
    let part = path.with_extension("part");
    let failed = |error: std::io::Error| anyhow::anyhow!("{}: {error}", path.display());
    std::fs::write(&part, text).and_then(|()| std::fs::File::open(&part)?.sync_all()).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)?;
    print(&format!("{} values as of revision {} in {}\n", backup.values.len(), backup.revision, path.display()))
}

/// Puts what a backup holds in the place of all there is.
pub async fn restore(remote: &Remote, path: &Path, force: bool) -> anyhow::Result<()> {
    let backup: Backup = serde_json::from_str(&file::text(path)?)
        .map_err(|error| anyhow::anyhow!("{}: not a backup: {error}", path.display()))?;
    let answer: Written<()> = remote.client.post(&format!("/v1/restore?force={force}"), &backup, remote.write).await?;
    print(&format!("restored {} values as revision {}\n", backup.values.len(), answer.revision))
}
