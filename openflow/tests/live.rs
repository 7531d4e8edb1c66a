//! Sessions with a real ovs-vswitchd.
#![cfg(feature = "net")]

mod common;

use std::net::Ipv4Addr;
use std::time::Duration;

use openflow::action::Ct;
use openflow::conn::{CloseReason, Config, Event, RequestError};
use openflow::msg::config::SwitchConfig;
use openflow::msg::flow::{FlowMod, FlowRequest, FlowStats};
use openflow::msg::group::{Bucket, GroupMod, GroupType};
use openflow::msg::packet::PacketOut;
use openflow::multipart::{MultipartReply, MultipartReplyBody, MultipartRequestBody};
use openflow::net::{self, Events, Handle};
use openflow::{Action, Body, Match, PortNo};

async fn connect(switch: &common::Switch) -> (Handle, Events) {
    let stream = net::connect_unix(switch.mgmt()).await.unwrap();
    let (handle, mut events) = net::spawn(stream, Config::default());
    match events.recv().await {
        Some(Event::Up { features }) => assert_eq!(features.datapath_id, 0xaa),
        other => panic!("{other:?}"),
    }
    (handle, events)
}

async fn flows(handle: &Handle) -> Vec<FlowStats> {
    let request = MultipartRequestBody::Flow(FlowRequest::default());
    match handle.request(request).await {
        Ok(Body::MultipartReply(MultipartReply { body: MultipartReplyBody::Flow(flows), .. })) => flows,
        other => panic!("{other:?}"),
    }
}

fn flow(n: u32) -> FlowMod {
    let m = Match::new().eth_type(0x0800).ipv4_dst(Ipv4Addr::from(0x0a00_0000 + n));
    FlowMod::add(1, 100, m).cookie(u64::from(n)).apply([Action::output(PortNo(n % 100))])
}

#[tokio::test]
async fn session() {
    let Some(switch) = common::Switch::start() else { return };
    requests_and_errors(&switch).await;
    bundles(&switch).await;
    packets(&switch).await;
    old_versions(&switch).await;
    listens(&switch).await;
}

async fn requests_and_errors(switch: &common::Switch) {
    let (handle, _events) = connect(switch).await;
    handle.request(flow(1).apply([Ct::new(5).commit().into()])).await.unwrap_err();
    handle.request(flow(1)).await.unwrap();
    handle.barrier().await.unwrap();
    assert_eq!(flows(&handle).await.len(), 1);

    let bad = FlowMod::add(0, 1, Match::new().tcp_dst(80));
    match handle.request(bad).await {
        Err(RequestError::Switch(error)) => assert_eq!(error.name().as_deref(), Some("OFPBMC_BAD_PREREQ")),
        other => panic!("{other:?}"),
    }
    match handle.request(MultipartRequestBody::Desc).await.unwrap() {
        Body::MultipartReply(MultipartReply { body: MultipartReplyBody::Desc(desc), .. }) => {
            assert_eq!(desc.hw_desc.to_string_lossy(), "Open vSwitch");
        }
        other => panic!("{other:?}"),
    }
}

async fn bundles(switch: &common::Switch) {
    let (handle, _events) = connect(switch).await;
    let many: Vec<Body> = (0..20_000).map(|n| flow(n).into()).collect();
    handle.bundle(many).await.unwrap();
    assert_eq!(flows(&handle).await.len(), 20_000);

    let group = GroupMod::add(7, GroupType::SELECT, vec![Bucket::new([Action::output(PortNo(1))])]);
    let to_missing = FlowMod::add(1, 100, Match::new()).apply([Action::group(99)]);
    let unparsable = flow(1).apply([Action::output(PortNo(1))]);
    for bad in [to_missing, unparsable] {
        let all = vec![group.clone().into(), flow(30_000).into(), bad.into(), flow(30_001).into()];
        let failed = handle.bundle(all).await.unwrap_err();
        assert_eq!(failed.index, Some(2), "{failed}");
        assert_eq!(flows(&handle).await.len(), 20_000);
    }

    handle.request(FlowMod::delete(openflow::TableId::ALL, Match::new())).await.unwrap();
    assert_eq!(flows(&handle).await.len(), 0);
}

async fn packets(switch: &common::Switch) {
    let (handle, mut events) = connect(switch).await;
    let packet = [[0xff; 6], [2, 0, 0, 0, 0, 1]].concat();
    let packet = [packet, vec![0x88, 0xb5], vec![7; 50]].concat();
    // a management connection gets no packets before it says how much of them it wants
    let config = SwitchConfig { flags: 0, miss_send_len: 0xffff };
    handle.send_all(vec![Body::SetConfig(config)]).await.unwrap();
    handle.try_send(PacketOut::new([Action::to_controller()], packet.clone())).unwrap();
    match tokio::time::timeout(Duration::from_secs(5), events.recv()).await.unwrap() {
        Some(Event::Async(message)) => match message.body {
            Body::PacketIn(p) => {
                assert_eq!((&p.data.0, p.in_port()), (&packet, Some(PortNo::CONTROLLER)));
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// A switch that speaks 1.0 only is told so, and we know why it did not work.
async fn old_versions(switch: &common::Switch) {
    switch.vsctl(&["set", "bridge", "br0", "protocols=OpenFlow10"]);
    let stream = net::connect_unix(switch.mgmt()).await.unwrap();
    let (_handle, mut events) = net::spawn(stream, Config::default());
    match events.recv().await {
        Some(Event::Closed { reason: CloseReason::Version { peer: 1 } | CloseReason::Refused(_) }) => {}
        other => panic!("{other:?}"),
    }
    switch.vsctl(&["set", "bridge", "br0", "protocols=OpenFlow13"]);
}

async fn listens(switch: &common::Switch) {
    let path = switch.path("controller.sock");
    let mut listener = net::Listener::bind_unix(&path).unwrap();
    switch.vsctl(&["--no-wait", "set-controller", "br0", &format!("unix:{}", path.display())]);
    let stream = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap();
    let (handle, mut events) = net::spawn(stream, Config::default());
    assert!(matches!(events.recv().await, Some(Event::Up { .. })));
    handle.barrier().await.unwrap();
}
