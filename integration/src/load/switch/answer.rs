//! What a switch does with each message.

use openflow::message::VERSION_1_3;
use openflow::model::Refusal;
use openflow::msg::config::{Capabilities, FeaturesReply, Role, RoleMsg};
use openflow::msg::experimenter::{Empty, Experimenter};
use openflow::msg::nicira::TlvTableReply;
use openflow::msg::onf::{BundleControl, BundleControlType};
use openflow::msg::queue::QueueConfigReply;
use openflow::types::Blob;
use openflow::{Body, Message, Xid};

use super::bundle::{self, ERROR_DATA};
use super::prepare::prepare;
use super::{N_TABLES, SessionEnd, SessionId, Switch};

impl Switch {
    pub(super) fn handle_frame(&mut self, id: SessionId, frame: &[u8]) -> Result<(), SessionEnd> {
        self.counts.messages_in += 1;
        let message = match Message::decode(frame) {
            Ok(message) => message,
            Err(_) => {
                let xid = frame.get(4..).and_then(<[u8]>::first_chunk).map_or(0, |xid| Xid::from_be_bytes(*xid));
                self.refuse(id, xid, frame, Refusal::BAD_LEN);
                return Ok(());
            }
        };
        if let Body::Hello(hello) = &message.body {
            let spoken = hello.supports(message.version, VERSION_1_3);
            return if spoken { Ok(()) } else { Err(SessionEnd::Version(message.version)) };
        }
        if let Err(refusal) = self.answer(id, message) {
            let xid = frame.get(4..).and_then(<[u8]>::first_chunk).map_or(0, |xid| Xid::from_be_bytes(*xid));
            self.refuse(id, xid, frame, refusal);
        }
        Ok(())
    }

    fn refuse(&mut self, id: SessionId, xid: Xid, frame: &[u8], refusal: Refusal) {
        self.counts.refused += 1;
        let data = frame.get(..ERROR_DATA).unwrap_or(frame);
        self.send(id, &Message::new(xid, refusal.message(Blob::from(data))));
    }

    fn answer(&mut self, id: SessionId, message: Message) -> Result<(), Refusal> {
        let xid = message.xid;
        let is_slave = self.sessions.get(&id).is_none_or(|session| session.is_slave());
        if is_slave && writes(&message.body) {
            return Err(Refusal::IS_SLAVE);
        }
        let reply = match message.body {
            Body::EchoRequest(echo) => Body::EchoReply(echo),
            Body::FeaturesRequest => self.features(),
            Body::BarrierRequest => Body::BarrierReply,
            Body::RoleRequest(request) => Body::RoleReply(self.role(id, &request)?),
            Body::FlowMod(_) | Body::GroupMod(_) | Body::MeterMod(_) => return self.change(id, xid, &message.body),
            Body::MultipartRequest(request) => return self.multipart(id, xid, &request.body),
            Body::Experimenter(experimenter) => return self.experimenter(id, xid, experimenter),
            Body::QueueGetConfigRequest(request) => {
                Body::QueueGetConfigReply(QueueConfigReply { port: request.port, queues: Vec::new() })
            }
            other => return self.configure(id, xid, other),
        };
        self.send(id, &Message::new(xid, reply));
        Ok(())
    }

    fn features(&mut self) -> Body {
        self.counts.handshakes += 1;
        let can = [
            Capabilities::FLOW_STATS,
            Capabilities::TABLE_STATS,
            Capabilities::PORT_STATS,
            Capabilities::GROUP_STATS,
            Capabilities::QUEUE_STATS,
        ];
        Body::FeaturesReply(FeaturesReply {
            datapath_id: self.datapath_id,
            n_buffers: 0,
            n_tables: N_TABLES,
            auxiliary_id: 0,
            capabilities: can.into_iter().fold(Capabilities::NONE, |all, one| all | one),
            reserved: 0,
        })
    }

    /// What concerns the connection only.
    fn configure(&mut self, id: SessionId, xid: Xid, body: Body) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let reply = match body {
            Body::GetConfigRequest => Body::GetConfigReply(session.config.clone()),
            Body::GetAsyncRequest => Body::GetAsyncReply(session.wants.clone()),
            Body::SetConfig(config) => {
                session.config = config;
                return Ok(());
            }
            Body::SetAsync(wants) => {
                session.wants = wants;
                return Ok(());
            }
            Body::EchoReply(_) | Body::Error(_) | Body::PacketOut(_) | Body::PortMod(_) | Body::TableMod(_) => {
                return Ok(());
            }
            _ => return Err(Refusal::BAD_TYPE),
        };
        session.send(&Message::new(xid, reply), &mut self.counts);
        Ok(())
    }

    /// The generation id is the switch's: it is compared over all connections. There is one master.
    fn role(&mut self, id: SessionId, request: &RoleMsg) -> Result<RoleMsg, Refusal> {
        if !matches!(request.role, Role::NOCHANGE | Role::EQUAL | Role::MASTER | Role::SLAVE) {
            return Err(Refusal::BAD_ROLE);
        }
        if matches!(request.role, Role::MASTER | Role::SLAVE) {
            // a distance in a circle (section 6.3.4)
            let older = |last: u64| (request.generation_id.wrapping_sub(last) as i64) < 0;
            if self.generation_id.is_some_and(older) {
                return Err(Refusal::STALE);
            }
            self.generation_id = Some(request.generation_id);
        }
        if request.role == Role::MASTER {
            let others = self.sessions.iter_mut().filter(|(other, _)| **other != id);
            others.filter(|(_, session)| session.role == Role::MASTER).for_each(|(_, old)| old.role = Role::SLAVE);
        }
        let generation_id = self.generation_id.unwrap_or(u64::MAX);
        let Some(session) = self.sessions.get_mut(&id) else { return Err(Refusal::BAD_ROLE) };
        if request.role != Role::NOCHANGE {
            session.role = request.role;
        }
        Ok(RoleMsg { role: session.role, generation_id })
    }

    fn change(&mut self, id: SessionId, xid: Xid, body: &Body) -> Result<(), Refusal> {
        self.count_change(body);
        let mut log = Vec::new();
        self.state.apply(prepare(body)?, &mut log)?;
        self.tell_flows(id, xid, &log);
        Ok(())
    }

    fn count_change(&mut self, body: &Body) {
        match body {
            Body::FlowMod(_) => self.counts.flow_mods += 1,
            Body::GroupMod(_) => self.counts.group_mods += 1,
            _ => {}
        }
    }

    fn experimenter(&mut self, id: SessionId, xid: Xid, message: Experimenter) -> Result<(), Refusal> {
        let reply = match message {
            Experimenter::OnftBundleAddMessage(add) => {
                self.count_change(&add.message.body);
                let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
                return session.bundle_add(&add, xid);
            }
            Experimenter::OnftBundleControl(control) => {
                self.bundle_control(id, &control)?;
                Experimenter::OnftBundleControl(bundle::reply(&control))
            }
            Experimenter::OnftFlowMonitorCancel(cancel) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.monitors.remove(&cancel.id);
                }
                return Ok(());
            }
            Experimenter::NxtTlvTableRequest(Empty {}) => Experimenter::NxtTlvTableReply(TlvTableReply {
                max_option_space: 256,
                max_fields: 64,
                maps: Vec::new(),
            }),
            Experimenter::NxtCtFlush(_)
            | Experimenter::NxtCtFlushZone(_)
            | Experimenter::NxtTlvTableMod(_)
            | Experimenter::NxtSetAsyncConfig(_)
            | Experimenter::NxtSetAsyncConfig2(_)
            | Experimenter::NxtSetControllerId(_)
            | Experimenter::NxtSetPacketInFormat(_)
            | Experimenter::NxtResume(_) => return Ok(()),
            _ => return Err(Refusal::BAD_EXPERIMENTER),
        };
        self.send(id, &Message::new(xid, Body::Experimenter(reply)));
        Ok(())
    }

    /// Does what a bundle control says; of a commit all or nothing.
    fn bundle_control(&mut self, id: SessionId, control: &BundleControl) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let steps = session.bundle_control(control)?;
        if control.control_type == BundleControlType::COMMIT_REQUEST {
            self.counts.bundles += 1;
        }
        let mut log = Vec::new();
        let first = steps.first().map_or(0, |step| step.xid);
        for step in steps {
            if let Err(refusal) = self.state.apply(step.change, &mut log) {
                self.state.undo(log);
                self.refuse(id, step.xid, &step.head, refusal);
                return Err(Refusal::BUNDLE_MSG_FAILED);
            }
        }
        self.tell_flows(id, first, &log);
        Ok(())
    }
}

fn writes(body: &Body) -> bool {
    match body {
        Body::Experimenter(message) => {
            matches!(message, Experimenter::OnftBundleControl(_) | Experimenter::OnftBundleAddMessage(_))
        }
        Body::FlowMod(_)
        | Body::GroupMod(_)
        | Body::MeterMod(_)
        | Body::PacketOut(_)
        | Body::PortMod(_)
        | Body::TableMod(_) => true,
        _ => false,
    }
}
