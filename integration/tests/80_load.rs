//! The load generator: its switches against a real one, its databases under a real client, a cluster of them in front
//! of the real controller, its switches in front of somebody else's.

#[path = "common/vswitchd.rs"]
mod vswitchd;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use integration::Alone;
use integration::load::database::{Database, Schema};
use integration::load::link::{self, Manner, Shared};
use integration::load::mesh::{self, Misbehave, Report};
use integration::load::switch::Switch;
use integration::load::{classic, crowd};
use integration::tool;
use openflow::action::Ct;
use openflow::conn::{Config, Event};
use openflow::msg::experimenter::{ExperimenterReply, ExperimenterRequest};
use openflow::msg::flow::{FlowMod, FlowModCommand, FlowRequest};
use openflow::msg::group::{Bucket, GroupMod, GroupType};
use openflow::msg::monitor::{FlowMonitor, MonitorFlags, MonitorRequest};
use openflow::multipart::{MultipartReply, MultipartReplyBody, MultipartRequestBody};
use openflow::net::{self, Events, Handle};
use openflow::{Action, Body, Field, GroupId, Match, Oxm, PortNo, TableId};
use tokio::sync::watch;
use vswitchd::Vswitchd;

const PATIENCE: Duration = Duration::from_secs(20);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// An address on which nobody listens.
fn free() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address")
}

/// A connection to a switch, from the controller's side.
struct Side {
    handle: Handle,
    events: Events,
    /// Held for as long as a simulated switch is to stay.
    _online: Option<watch::Sender<bool>>,
}

impl Side {
    async fn real(path: &Path) -> Self {
        let (handle, events) = net::spawn(net::connect_unix(path).await.expect("the bridge"), Config::default());
        Self::up(handle, events, None).await
    }

    async fn simulated(switch: &Arc<Shared<Switch>>) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let to = listener.local_addr().expect("its address");
        let (online, says) = watch::channel(true);
        let switch = switch.clone();
        tokio::spawn(async move { link::keep(to, &switch, Manner::Good, says, |_| {}).await });
        let (stream, _) = listener.accept().await.expect("the switch connects");
        let (handle, events) = net::spawn(stream, Config::default());
        Self::up(handle, events, Some(online)).await
    }

    async fn up(handle: Handle, mut events: Events, online: Option<watch::Sender<bool>>) -> Self {
        assert!(matches!(events.recv().await, Some(Event::Up { .. })));
        Self { handle, events, _online: online }
    }

    /// What came of a step.
    async fn step(&self, step: &Step) -> String {
        match step {
            Step::One(body) => match self.handle.request(body.clone()).await {
                Ok(_) => "done".to_owned(),
                Err(error) => error.to_string(),
            },
            Step::Bundle(bodies) => match self.handle.bundle(bodies.clone()).await {
                Ok(()) => "committed".to_owned(),
                Err(error) => error.to_string(),
            },
        }
    }

    /// Flows and groups, as text, sorted, without times.
    async fn dump(&self) -> Vec<String> {
        let flows = match self.ask(MultipartRequestBody::Flow(FlowRequest::default())).await {
            MultipartReplyBody::Flow(flows) => flows,
            other => panic!("{other:?}"),
        };
        let timeless = |mut flow: openflow::msg::flow::FlowStats| {
            (flow.duration_sec, flow.duration_nsec) = (0, 0);
            format!("{flow:?}")
        };
        let groups = match self.ask(MultipartRequestBody::GroupDesc).await {
            MultipartReplyBody::GroupDesc(groups) => groups,
            other => panic!("{other:?}"),
        };
        let groups = groups.iter().map(|group| format!("{group:?}"));
        let mut all: Vec<String> = flows.into_iter().map(timeless).chain(groups).collect();
        all.sort();
        all
    }

    async fn ask(&self, body: MultipartRequestBody) -> MultipartReplyBody {
        match self.handle.request(body).await.expect("an answer") {
            Body::MultipartReply(MultipartReply { body, .. }) => body,
            other => panic!("{other:?}"),
        }
    }

    /// Follows all flows; answers what is said at first.
    async fn follow(&self, initial: bool) -> String {
        let flags = MonitorFlags::ADD | MonitorFlags::DELETE | MonitorFlags::MODIFY | MonitorFlags::ACTIONS;
        let flags = if initial { flags | MonitorFlags::INITIAL } else { flags };
        let monitor = FlowMonitor {
            id: 1,
            flags,
            match_len: 4,
            out_port: PortNo::ANY,
            table_id: TableId::ALL,
            matching: Match::new(),
        };
        let request = ExperimenterRequest::OnfstFlowMonitor(MonitorRequest { monitors: vec![monitor] });
        updates(self.ask(MultipartRequestBody::Experimenter(request)).await).join("\n")
    }

    /// What a monitor told until a barrier.
    async fn heard(&mut self) -> Vec<String> {
        self.handle.barrier().await.expect("a barrier");
        let mut heard = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(300), self.events.recv()).await {
            if let Event::Async(message) = event
                && let Body::MultipartReply(reply) = message.body
            {
                heard.extend(updates(reply.body));
            }
        }
        heard.sort();
        heard
    }
}

fn updates(body: MultipartReplyBody) -> Vec<String> {
    match body {
        MultipartReplyBody::Experimenter(ExperimenterReply::OnfstFlowMonitor(reply)) => {
            let mut all: Vec<String> = reply.updates.iter().map(|update| format!("{update:?}")).collect();
            all.sort();
            all
        }
        other => panic!("{other:?}"),
    }
}

enum Step {
    One(Body),
    Bundle(Vec<Body>),
}

fn ip(n: u32) -> Match {
    Match::new().eth_type(0x0800).ipv4_dst(Ipv4Addr::from(0x0a00_0000 + n))
}

fn flow(n: u32) -> FlowMod {
    FlowMod::add(1, 100, ip(n)).cookie(u64::from(n)).apply([Action::output(PortNo(n % 100 + 1))])
}

fn group(id: u32, port: u32) -> GroupMod {
    GroupMod::add(id, GroupType::SELECT, vec![Bucket::new([Action::output(PortNo(port))])])
}

fn of(command: FlowModCommand, flow: FlowMod) -> FlowMod {
    FlowMod { command, ..flow }
}

/// What a controller may do, and some of what it should not.
fn steps() -> Vec<Step> {
    let one = |body: Body| Step::One(body);
    let tcp = Match::new().eth_type(0x0800).ip_proto(6).tcp_dst(80);
    let backend = vec![Bucket::new([Ct::new(5).commit().into()]), Bucket::new([Action::set_reg(0, 7)])];
    let mac = Match::new().with(Oxm::masked(Field::OXM_OF_ETH_DST, [1u8, 0, 0, 0, 0, 0], [1u8, 0, 0, 0, 0, 0]));
    let in_order = Match::new().ipv4_dst(Ipv4Addr::LOCALHOST).eth_type(0x0800);
    let narrow = Match::new().eth_type(0x0800).ipv4_dst((Ipv4Addr::new(10, 0, 1, 0), 24));
    let many = (0..3000).map(|n| flow(n).into());
    let by_group = FlowMod { out_group: GroupId(7), ..FlowMod::delete(TableId::ALL, Match::new()) };
    let by_port = FlowMod { out_port: PortNo(5), ..FlowMod::delete(1, Match::new()) };
    let by_cookie = FlowMod { cookie: 0x40, cookie_mask: 0xc0, ..FlowMod::delete(TableId::ALL, Match::new()) };
    vec![
        Step::Bundle(many.collect()),
        Step::Bundle(vec![
            group(7, 1).into(),
            GroupMod::add(8, GroupType::SELECT, backend).into(),
            FlowMod::add(2, 7, tcp.clone()).cookie(1 << 40).apply([Action::group(7)]).into(),
            FlowMod::add(2, 8, Match::new().reg(3, 9)).apply([Action::set_reg(0, 3)]).goto(4).into(),
            FlowMod::add(2, 9, mac).apply([Action::set_reg(2, 1), Action::to_controller()]).into(),
            FlowMod::add(3, 0, Match::new()).into(),
            FlowMod { idle_timeout: 600, hard_timeout: 900, ..FlowMod::add(3, 1, ip(1)) }.into(),
        ]),
        // none of these is done
        Step::Bundle(vec![flow(9000).into(), group(7, 2).into(), flow(9001).into()]),
        Step::Bundle(vec![flow(9000).into(), FlowMod::add(0, 1, Match::new()).apply([Action::group(99)]).into()]),
        Step::Bundle(vec![
            GroupMod::delete(8).into(),
            flow(9000).into(),
            GroupMod::modify(9, GroupType::ALL, vec![]).into(),
        ]),
        Step::Bundle(vec![flow(1).apply([Action::output(PortNo(1))]).into(), FlowMod::add(0, 1, in_order).into()]),
        one(FlowMod::add(0, 1, Match::new().tcp_dst(80)).into()),
        one(FlowMod::add(4, 1, Match::new()).goto(3).into()),
        // of equal match and priority: the new one stays
        one(FlowMod::add(1, 100, ip(5)).cookie(77).apply([Action::output(PortNo(9))]).into()),
        one(FlowMod::add(1, 101, ip(5)).cookie(78).into()),
        one(of(FlowModCommand::MODIFY, FlowMod::add(1, 0, narrow.clone()).apply([Action::output(PortNo(42))])).into()),
        one(of(FlowModCommand::MODIFY_STRICT, FlowMod::add(1, 100, ip(6)).apply([Action::output(PortNo(43))])).into()),
        one(of(FlowModCommand::MODIFY_STRICT, FlowMod::add(1, 99, ip(6))).into()),
        one(FlowMod::delete(1, narrow).into()),
        one(FlowMod::delete_strict(1, 101, ip(5)).into()),
        one(FlowMod::delete_strict(1, 102, ip(6)).into()),
        one(by_port.into()),
        one(by_cookie.into()),
        Step::Bundle(vec![GroupMod::modify(8, GroupType::ALL, vec![]).into(), by_group.into()]),
        Step::Bundle(vec![FlowMod::add(2, 7, tcp).apply([Action::group(7)]).into(), GroupMod::delete(7).into()]),
        one(GroupMod::delete(GroupId::ALL).into()),
        one(FlowMod::delete(TableId::ALL, Match::new()).into()),
    ]
}

#[test]
fn a_simulated_switch_answers_as_a_real_one() {
    let vswitchd = Vswitchd::start();
    vswitchd.vsctl("add-br br0 -- set bridge br0 datapath_type=dummy fail_mode=secure protocols=OpenFlow13");
    let mgmt = vswitchd.mgmt("br0");
    runtime().block_on(async {
        let switch = Arc::new(Shared::new(Switch::new(1)));
        let (real, simulated) = (Side::real(&mgmt).await, Side::simulated(&switch).await);
        let mut watchers = (Side::real(&mgmt).await, Side::simulated(&switch).await);
        assert_eq!(watchers.0.follow(false).await, watchers.1.follow(false).await);
        for (number, step) in steps().iter().enumerate() {
            assert_eq!(real.step(step).await, simulated.step(step).await, "step {number}");
            assert_eq!(real.dump().await, simulated.dump().await, "after step {number}");
            // what others hear; the first step is 3,000 flows, which a real switch may tell in any number of pieces
            let heard = (watchers.0.heard().await, watchers.1.heard().await);
            assert_eq!(heard.0, heard.1, "told of step {number}");
            if number == 1 {
                assert_eq!(real.follow(true).await, simulated.follow(true).await);
                assert!(simulated.dump().await.len() > 3000);
            }
        }
        assert!(simulated.dump().await.is_empty());
    });
}

#[test]
fn a_real_client_works_on_a_simulated_database() {
    let vswitchd = Vswitchd::start();
    let schema = Arc::new(Schema::load(Path::new(Schema::INSTALLED)).expect("the installed schema"));
    let database = Arc::new(Shared::new(Database::new(schema, 1, &[])));
    let to = free();
    let (_online, says) = watch::channel(true);
    let runtime = runtime();
    let simulated = database.clone();
    runtime.spawn(async move { link::keep(to, &simulated, Manner::Good, says, |_| {}).await });
    let commands = [
        "add-br br0 -- set bridge br0 datapath_type=dummy fail_mode=secure other_config:datapath-id=00000000000000aa",
        "add-port br0 p1 -- set interface p1 type=dummy ofport_request=17 external_ids:a=b",
        "add-port br0 p2 -- set interface p2 type=dummy",
        "get interface p1 ofport",
        "get interface br0 ofport",
        "set interface p1 external_ids:c=d",
        "get interface p1 external_ids",
        "remove interface p1 external_ids a",
        "get interface p1 external_ids",
        "list-ports br0",
        "--columns=name,fail_mode,other_config,datapath_id list bridge",
        "set-controller br0 tcp:127.0.0.1:1 -- get-controller br0",
        "--if-exists del-port br0 p2 -- --may-exist add-port br0 p1",
        "list-ports br0",
        "del-br br0",
        "--columns=name list interface",
        "--columns=target list controller",
        "list-br",
    ];
    for words in commands {
        let real = vswitchd.vsctl(words);
        let mut command = Command::new("ovs-vsctl");
        command.arg(format!("--db=ptcp:{}:127.0.0.1", to.port())).arg("--timeout=20").args(words.split_whitespace());
        let simulated = tool::run(&mut command).unwrap_or_else(|error| panic!("{words}: {error:#}"));
        assert_eq!(real, simulated, "ovs-vsctl {words}");
    }
    assert_eq!(database.lock().rows("Port"), 0);
}

/// Simulated hosts in front of a controller of their own.
fn load(nodes: usize, reconnect: bool, misbehave: Option<(Misbehave, usize)>) -> Report {
    let controller = Alone::start().unwrap_or_else(|error| panic!("{error:#}"));
    let config = mesh::Config {
        endpoints: 5,
        services: 2,
        backends: 5,
        rounds: 10,
        service_rounds: 2,
        flat_rounds: 2,
        reconnect,
        misbehave,
        report_every: Duration::from_secs(1),
        ..controller.mesh(nodes)
    };
    let ran = runtime().block_on(mesh::run(&config, &mut |step| println!("{step}")));
    ran.unwrap_or_else(|error| panic!("{error:#}"))
}

#[test]
fn twenty_simulated_hosts_converge_and_come_back_without_a_flow_mod() {
    let report = load(20, true, None);
    println!("{report}");
    let counts = [&report.endpoint_seconds, &report.service_seconds, &report.flat_seconds].map(|times| times.count);
    assert_eq!(counts, [10, 2, 2]);
    assert!(report.flows.min > 20 && report.traffic.flow_mods.min >= report.flows.min);
    // Of the pipeline, and one of each service.
    assert_eq!((report.groups.min, report.groups.max), (7 + 2, 7 + 2));
    assert!(report.memory.controller_bytes.is_some_and(|bytes| bytes > 1_000_000));
    let restart = report.restart.expect("they came back");
    assert_eq!((restart.handshakes, restart.flow_mods, restart.group_mods, restart.commits), (20, 0, 0, 0));
}

#[test]
fn switches_that_misbehave_do_not_keep_others_from_their_flows() {
    for kind in [Misbehave::Flap, Misbehave::Deaf, Misbehave::WrongXid, Misbehave::Storm] {
        let report = load(12, false, Some((kind, 4)));
        println!("{kind:?}\n{report}");
        assert_eq!(report.endpoint_seconds.count, 10);
        assert!(report.flows.min > 12);
    }
}

#[test]
fn switches_and_packets_work_with_another_controller() {
    let mut tester = Vswitchd::start();
    let to = free();
    tester.daemon("ovs-testcontroller", &[&format!("ptcp:{}:127.0.0.1", to.port())]);
    let listens = || std::net::TcpStream::connect(to).is_ok();
    tool::wait_until("ovs-testcontroller", PATIENCE, listens).unwrap_or_else(|error| panic!("{error:#}"));
    let config = crowd::Config { controller: to, switches: 10, ports: 4, misbehave: None, seconds: 3 };
    let last = runtime().block_on(crowd::run(&config, &mut |second| println!("{second:?}")));
    assert_eq!((last.connected, last.handshakes), (10, 10));
    for window in [1, 50] {
        let config = classic::Config { controller: to, switches: 4, macs: 100, seconds: 3, window };
        let report = runtime().block_on(classic::run(&config)).unwrap_or_else(|error| panic!("{error:#}"));
        println!("{report}");
        assert!(report.per_switch.min > 10, "every switch is answered");
        assert!(report.flow_mods > 0, "known addresses get flows");
    }
}
