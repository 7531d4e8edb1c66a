//! A switch that sends packet-ins without end: whoever keeps up loses none.
#![cfg(feature = "net")]

use openflow::conn::{Config, Event};
use openflow::msg::config::{Capabilities, FeaturesReply};
use openflow::msg::hello::Hello;
use openflow::msg::packet::{PacketIn, PacketInReason, PacketOut};
use openflow::types::NO_BUFFER;
use openflow::{Action, Body, Match, Message, PortNo, TableId, net};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const PACKETS: usize = 60_000;

fn encode(body: impl Into<Body>) -> Vec<u8> {
    Message::new(2, body).encode().unwrap()
}

fn packet_in() -> Vec<u8> {
    encode(PacketIn {
        buffer_id: NO_BUFFER,
        total_len: 60,
        reason: PacketInReason::NO_MATCH,
        table_id: TableId(0),
        cookie: 0,
        matching: Match::new().in_port(PortNo(1)),
        data: vec![0; 60].into(),
    })
}

/// Sends everything at once; counts the packet-outs that come back.
async fn switch(stream: DuplexStream) -> usize {
    let features = FeaturesReply {
        datapath_id: 1,
        n_buffers: 0,
        n_tables: 254,
        auxiliary_id: 0,
        capabilities: Capabilities::NONE,
        reserved: 0,
    };
    let (mut reader, mut writer) = tokio::io::split(stream);
    let bytes = [encode(Hello::versions(&[4])), encode(features), packet_in().repeat(PACKETS)].concat();
    let sender = tokio::spawn(async move { writer.write_all(&bytes).await.map(|()| writer) });
    let mut answered = 0;
    while answered < PACKETS {
        let mut header = [0; 8];
        reader.read_exact(&mut header).await.unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([header[2], header[3]])) - 8];
        reader.read_exact(&mut rest).await.unwrap();
        answered += usize::from(header[1] == 13);
    }
    sender.await.unwrap().unwrap();
    answered
}

#[tokio::test]
async fn whoever_keeps_up_loses_none() {
    let (near, far) = tokio::io::duplex(1 << 20);
    let (handle, mut events) = net::spawn(near, Config::default());
    let answering = handle.clone();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            let Event::Async(message) = event else { continue };
            let Body::PacketIn(packet) = message.body else { continue };
            answering.try_send(PacketOut::new([Action::output(PortNo::FLOOD)], packet.data)).unwrap();
        }
    });
    let answered = tokio::time::timeout(std::time::Duration::from_secs(60), switch(far)).await;
    assert_eq!((answered.ok(), handle.dropped()), (Some(PACKETS), 0));
}
