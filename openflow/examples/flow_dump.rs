//! Prints the flows of a switch as `ovs-ofctl dump-flows` does: `cargo run --example flow_dump /var/run/openvswitch/br0.mgmt`.

use openflow::conn::Config;
use openflow::msg::flow::FlowRequest;
use openflow::multipart::{MultipartReplyBody, MultipartRequestBody};
use openflow::{Body, net, text};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: flow_dump SOCKET")?;
    let stream = net::connect_unix(path).await?;
    let (switch, mut events) = net::spawn(stream, Config::default());
    events.recv().await.ok_or("closed")?; // up, or why not: the request below says so, too

    let request = MultipartRequestBody::Flow(FlowRequest::default());
    let Body::MultipartReply(reply) = switch.request(request).await? else {
        return Err("not a multipart reply".into());
    };
    if let MultipartReplyBody::Flow(flows) = reply.body {
        for flow in flows {
            println!("{}", text::FlowStats(&flow));
        }
    }
    Ok(())
}
