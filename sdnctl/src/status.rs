//! `sdnctl status|events`

use api::status::{ControllerStatus, EndingCertificate, Event, Status, SwitchStatus};

use crate::{
    cli::Remote,
    output::{self, print, table},
};

pub async fn show(remote: &Remote) -> anyhow::Result<()> {
    let status: Status = remote.client.get("/v1/status").await?;
    output::show(remote, &status, |status| {
        let state = |good: bool, yes: &'static str, no: &'static str| if good { yes } else { no };
        print(&format!(
            "controller {} up {:.0} s, revision {}, {}, {}\n\n",
            status.version,
            status.uptime_seconds,
            status.revision,
            state(status.converged, "converged", "not converged"),
            state(status.mesh_ready, "every pair of hosts reachable", "some pairs of hosts not reachable")
        ))?;
        for EndingCertificate { holder, until } in &status.ending_certificates {
            print(&format!("the certificate of {holder} was not renewed: it is good until {until}\n"))?;
        }
        if !status.ending_certificates.is_empty() {
            print("\n")?;
        }
        if !status.controllers.is_empty() {
            table(["CONTROLLER", "ADDRESS", "STATE", "MASTER OF"], status.controllers.iter().map(controller))?;
            print("\n")?;
        }
        table(
            ["NODE", "DATAPATH", "OPENFLOW", "OVSDB", "AGENT", "REVISION", "FLOWS", "GROUPS", "FLOW-MODS", "STATE"],
            status.switches.iter().map(row),
        )
    })
}

fn controller(controller: &ControllerStatus) -> [String; 4] {
    let state = match (controller.alive, controller.here) {
        (false, _) => "gone",
        (true, true) => "alive, asked",
        (true, false) => "alive",
    };
    let ControllerStatus { id, address, switches, .. } = controller;
    [id.clone(), address.clone(), state.into(), format!("{switches} switches")]
}

fn row(switch: &SwitchStatus) -> [String; 10] {
    let up = |up: bool| if up { "up" } else { "down" }.to_owned();
    let state = match (&switch.error, switch.ready) {
        (Some(error), _) => error.clone(),
        (None, true) => "ready".into(),
        (None, false) if switch.down => "down".into(),
        (None, false) => "not ready".into(),
    };
    [
        switch.node.to_string(),
        switch.datapath_id.clone(),
        up(switch.openflow),
        up(switch.ovsdb),
        up(switch.agent),
        switch.revision.to_string(),
        switch.flows.to_string(),
        switch.groups.to_string(),
        switch.flow_mods_sent.to_string(),
        state,
    ]
}

pub async fn events(remote: &Remote) -> anyhow::Result<()> {
    let events: Vec<Event> = remote.client.get("/v1/events").await?;
    output::show(remote, &events, |events| {
        table(
            ["AT", "KIND", "NODE", "CONCERNS", "WHAT"],
            events.iter().cloned().map(|Event { at, kind, node, owner, message }| {
                let node = node.map_or("-".into(), |node| node.to_string());
                [at, kind, node, owner.unwrap_or("-".into()), message]
            }),
        )
    })
}
