//! The example does what it says.

mod common;

#[path = "../examples/bridge.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod bridge;

#[tokio::test]
async fn a_bridge_comes_and_goes() {
    let Some(server) = common::Server::start() else { return };
    server.vsctl(&["init"]);
    bridge::run(&server.remote()).await.expect("the example");
    assert_eq!(server.vsctl(&["list-br"]), "");
}
