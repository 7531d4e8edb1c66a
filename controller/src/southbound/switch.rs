//! One OpenFlow session: who is it, make it ours, then do as the core says.

use std::sync::Arc;

use api::Name;
use openflow::{
    Body,
    conn::{Config, Event as OfEvent},
    msg::{
        experimenter::{Experimenter, ExperimenterReply},
        flow::FlowStats,
    },
    multipart::{MultipartReply, MultipartReplyBody},
    net::{self, Events},
};
use tokio::{net::TcpStream, sync::mpsc, time::Instant};

use super::{SwitchSession, Switches, audit::Audits, bindings::Bindings, messages};
use crate::{
    cluster::Cluster,
    compile::State,
    core::SessionId,
    events::EventKind,
    metrics::ByNode,
    pipeline::{FlowBody, FlowKey},
    pki::{Gate, unix_now},
    reconcile::{Audit, Batch, Refusal},
    runtime::{Command, CoreHandle, Event},
    store::Store,
};

/// From how many changes on a batch needs a slot.
const LARGE: usize = 256;

/// Brings a session up and finds out whose it is.
pub async fn handshake(stream: TcpStream, gate: &Gate, store: &Store) -> Result<(Name, SwitchSession, Events), String> {
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (stream, shown) = gate.enter(stream).await.map_err(|error| error.to_string())?;
    let (handle, mut events) = net::spawn(stream, Config::default());
    let features = match events.recv().await {
        Some(OfEvent::Up { features }) => features,
        Some(OfEvent::Closed { reason }) => return Err(reason.to_string()),
        other => return Err(format!("the handshake brought {other:.80?}")),
    };
    let id = features.datapath_id;
    let intent = store.read();
    let node = intent.nodes.values().find(|node| node.datapath_id() == id).map(|node| node.name.clone());
    let node = node.ok_or_else(|| format!("datapath {id:016x} belongs to no node: its agent has not joined"))?;
    gate.caller(&shown, unix_now()).speaks_for(&node)?;
    Ok((node, SwitchSession::new(handle), events))
}

/// One switch's session, with all it needs.
pub struct Served<'a> {
    /// Its node.
    pub node: &'a Name,
    /// Tells it from other sessions to the same switch.
    pub id: SessionId,
    /// To ask the switch.
    pub session: SwitchSession,
    /// To name owners.
    pub store: &'a Store,
    /// Who decides.
    pub core: &'a CoreHandle,
    /// Who is connected.
    pub switches: &'a Switches,
    /// Who is to be the switch's master.
    pub cluster: Cluster,
}

/// Whether the session ends, and why.
type Going = Result<(), String>;

impl Served<'_> {
    /// Does as the core says until the session ends; says why it did.
    pub async fn run(mut self, mut events: Events) -> String {
        let mut commands = None;
        let mut audits = Audits::default();
        let mut bindings = Bindings::default();
        let mut audit_at = Instant::now() + audits.pause(1);
        if let Err(reason) = self.claim(&mut commands).await {
            return reason;
        }
        loop {
            let going = tokio::select! {
                biased;
                command = next(&mut commands) => match command {
                    Some(command) => {
                        audits.forget();
                        self.obey(command, &mut commands).await
                    }
                    None => return "another session to the same switch took over".into(),
                },
                () = self.cluster.changed() => self.claim(&mut commands).await,
                event = events.recv() => match event {
                    Some(OfEvent::Closed { reason }) => return reason.to_string(),
                    Some(OfEvent::Async(message)) => {
                        match heard(message.body) {
                            Heard::Changes(changes) if changes.is_empty() => {}
                            Heard::Changes(changes) => {
                                self.core.tell(Event::Foreign(self.node.clone(), self.id, changes));
                            }
                            // Some changes were not told: look at everything again.
                            Heard::Gap => audits.doubt_flows(),
                            Heard::Else => {}
                        }
                        Ok(())
                    }
                    Some(event) => {
                        tracing::debug!(?event, "unasked");
                        Ok(())
                    }
                    None => return "closed".into(),
                },
                () = tokio::time::sleep_until(audit_at) => {
                    let going = self.look(&mut audits, &mut bindings, &mut commands).await;
                    audit_at = Instant::now() + audits.pause(self.switches.masters_count());
                    going
                },
            };
            if let Err(reason) = going {
                return reason;
            }
        }
    }

    /// Becomes the switch's master if it is to be, and stops being it if it must. Another controller that is to be
    /// takes over by itself: until it does, this one goes on.
    async fn claim(&self, commands: &mut Option<Commands>) -> Going {
        match (self.cluster.generation(self.node), commands.is_some()) {
            (Some(generation), false) => match self.session.take_over(generation).await {
                Ok(()) => {
                    let (commands_in, new) = mpsc::unbounded_channel();
                    *commands = Some(new);
                    self.switches.set_master(self.node, self.id, true);
                    self.core.tell(Event::SwitchUp(self.node.clone(), self.id, commands_in));
                }
                Err(reason) if self.cluster.is_shared() => {
                    tracing::info!(reason, generation, "not master; another controller may be");
                }
                Err(reason) => return Err(reason),
            },
            (None, true) if !self.cluster.holds() => self.step_down(commands),
            _ => {}
        }
        Ok(())
    }

    fn step_down(&self, commands: &mut Option<Commands>) {
        *commands = None;
        self.switches.set_master(self.node, self.id, false);
        self.core.tell(Event::SwitchDown(self.node.clone(), self.id));
    }

    async fn obey(&self, command: Command, commands: &mut Option<Commands>) -> Going {
        match command {
            Command::ReadBack => {
                let slot = self.switches.slot().await;
                let installed = read_back(&self.session).await?;
                self.core.tell(Event::Observed(self.node.clone(), self.id, installed, slot));
            }
            Command::Send(batch, slot) => {
                let large = batch.flow_mods() + batch.group_mods() > LARGE;
                let _slot = match slot {
                    None if large => Some(self.switches.slot().await),
                    slot => slot,
                };
                let result = self.session.apply(&batch, self.store).await;
                if result.is_err() && self.cluster.is_shared() && !self.session.is_master().await? {
                    // Nothing is wrong with the batch: its switch has another master.
                    self.step_down(commands);
                    return Ok(());
                }
                self.count(&batch, &result);
                if result.is_ok() {
                    self.session.flush(&batch).await;
                }
                self.core.tell(Event::BatchDone(self.node.clone(), self.id, batch.id, result));
            }
        }
        Ok(())
    }

    fn count(&self, batch: &Batch, result: &Result<(), Refusal>) {
        let (metrics, label) = (&self.switches.metrics, ByNode { node: self.node.to_string() });
        metrics.flow_mods_sent.get_or_create(&label).inc_by(batch.flow_mods() as u64);
        metrics.group_mods_sent.get_or_create(&label).inc_by(batch.group_mods() as u64);
        if let Err(refusal) = result {
            metrics.batches_refused.get_or_create(&label).inc();
            self.switches.record(EventKind::Refused, self.node, refusal.error.clone());
        }
    }

    /// Looks now and then whether all is as it is to be, and who is master.
    async fn look(&self, audits: &mut Audits, bindings: &mut Bindings, commands: &mut Option<Commands>) -> Going {
        if commands.is_some() && self.cluster.is_shared() && !self.session.is_master().await? {
            self.step_down(commands);
        }
        self.claim(commands).await?;
        if commands.is_some() {
            let flows = if audits.begin() { Some(self.session.read_flows().await?) } else { None };
            if let Some(flows) = &flows {
                self.end_bindings(bindings, flows).await;
            }
            let audit = audit(&self.session, flows).await?;
            self.core.tell(match audits.is_news(&audit) {
                true => Event::Audited(self.node.clone(), self.id, audit),
                false => Event::Word(self.node.clone()),
            });
        }
        Ok(())
    }

    /// Frees the clients that were bound to a backend for long enough.
    async fn end_bindings(&self, bindings: &mut Bindings, flows: &[FlowStats]) {
        let over = bindings.over(flows, &self.store.read(), std::time::Instant::now());
        let over: Vec<Body> = over.iter().map(messages::delete).collect();
        if !over.is_empty()
            && let Err(error) = self.session.send(over).await
        {
            tracing::warn!(%error, "cannot free clients whose affinity is over");
        }
    }
}

/// What the core tells a session while it is master.
type Commands = mpsc::UnboundedReceiver<Command>;

/// The next command; never, for who is not master.
async fn next(commands: &mut Option<Commands>) -> Option<Command> {
    match commands {
        Some(commands) => commands.recv().await,
        None => std::future::pending().await,
    }
}

/// What a switch says unasked.
enum Heard {
    /// Others changed flows.
    Changes(Vec<(Arc<FlowKey>, Option<Arc<FlowBody>>)>),
    /// Others may have changed flows while it could not tell.
    Gap,
    /// Nothing that concerns us.
    Else,
}

fn heard(body: Body) -> Heard {
    match body {
        Body::MultipartReply(MultipartReply {
            body: MultipartReplyBody::Experimenter(ExperimenterReply::OnfstFlowMonitor(reply)),
            ..
        }) => Heard::Changes(messages::foreign(reply.updates)),
        Body::Experimenter(Experimenter::OnftFlowMonitorResumed(_)) => Heard::Gap,
        _ => Heard::Else,
    }
}

async fn audit(session: &SwitchSession, flows: Option<Vec<FlowStats>>) -> Result<Audit, String> {
    let flows_too = flows.is_some();
    let seen = messages::installed(flows.unwrap_or_default(), session.read_group_descs().await?);
    Ok(Audit { flows: flows_too.then_some(seen.flows), groups: seen.groups })
}

async fn read_back(session: &SwitchSession) -> Result<State, String> {
    let flows = session.read_flows().await?;
    let groups = session.read_group_descs().await?;
    Ok(messages::installed(flows, groups))
}
