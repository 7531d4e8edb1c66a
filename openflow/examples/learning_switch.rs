//! A learning switch: `cargo run --example learning_switch`, then point a bridge at it with
//! `ovs-vsctl set-controller br0 tcp:127.0.0.1:6653`.

use std::collections::BTreeMap;

use openflow::conn::{Config, Event};
use openflow::msg::flow::FlowMod;
use openflow::msg::packet::{PacketIn, PacketOut};
use openflow::net::{self, Handle, Stream};
use openflow::{Action, Body, Mac, Match, PortNo};

/// Seconds after which an address is forgotten.
const FORGET: u16 = 60;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut listener = net::Listener::bind_tcp("127.0.0.1:6653").await?;
    loop {
        let stream = listener.accept().await?;
        tokio::spawn(serve(stream));
    }
}

/// Serves one switch until it leaves.
async fn serve(stream: Stream) {
    let (switch, mut events) = net::spawn(stream, Config::default());
    let mut ports: BTreeMap<Mac, PortNo> = BTreeMap::new();
    while let Some(event) = events.recv().await {
        match event {
            Event::Up { features } => {
                println!("switch {:016x}", features.datapath_id);
                // what no other flow matches comes to us
                let miss = FlowMod::add(0, 0, Match::new()).apply([Action::to_controller()]);
                if let Err(error) = switch.request(miss).await {
                    return println!("{error}");
                }
            }
            Event::Async(message) => {
                if let Body::PacketIn(packet) = message.body {
                    forward(&switch, &mut ports, packet);
                }
            }
            Event::Closed { reason } => println!("{reason}"),
            _ => {}
        }
    }
}

/// Learns where a packet came from, and sends it where its destination is.
fn forward(switch: &Handle, ports: &mut BTreeMap<Mac, PortNo>, packet: PacketIn) {
    let Some(in_port) = packet.in_port() else { return };
    let (Some((dst, rest)), true) = (packet.data.split_first_chunk(), packet.data.len() >= 14) else { return };
    let Some(src) = rest.first_chunk() else { return };
    ports.insert(Mac(*src), in_port);

    let out = ports.get(&Mac(*dst)).copied();
    if let Some(port) = out {
        let mut flow = FlowMod::add(0, 10, Match::new().in_port(in_port).eth_dst(Mac(*dst)));
        flow.idle_timeout = FORGET;
        let _ = switch.try_send(flow.apply([Action::output(port)]));
    }
    let mut send = PacketOut::new([Action::output(out.unwrap_or(PortNo::FLOOD))], packet.data);
    send.in_port = in_port;
    let _ = switch.try_send(send); // a packet that does not fit in the queue is lost, as on a wire
}
