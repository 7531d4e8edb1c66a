//! Makes a bridge, prints what changed, and takes it away:
//! `cargo run -p ovsdb --example bridge -- unix:/run/openvswitch/db.sock`

use ovsdb::tables::{Bridge, OpenVswitch};
use ovsdb::{Client, Connector, Options, Txn, Where};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    run(&std::env::args().nth(1).unwrap_or("unix:/run/openvswitch/db.sock".to_owned())).await
}

/// All of it; errors are those of the connection and of the transactions.
pub async fn run(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::new("Open_vSwitch").watch::<Bridge>().watch::<OpenVswitch>();
    let client = Client::connect(Connector::new(address)?, options);
    client.ready().await?;
    let mut changes = client.changes();

    let mut txn = Txn::new("Open_vSwitch");
    let interface = txn.insert("Interface").set("name", "example0").set("type", "internal").id();
    let port = txn.insert("Port").set("name", "example0").set("interfaces", interface).id();
    let row = txn.insert("Bridge").set("name", "example0").set("ports", port);
    let bridge = row.set("fail_mode", "secure").id();
    txn.mutate("Open_vSwitch", Where::all()).insert("bridges", &bridge);
    let outcome = client.transact(txn).await?;
    let uuid = outcome.uuid(&bridge).ok_or("no bridge")?;
    println!("made {:?}", client.replica().get::<Bridge>(uuid).map(|bridge| bridge.name));
    for change in changes.next().await.unwrap_or_default() {
        println!("{} {}", change.table(), change.uuid);
    }

    let mut txn = Txn::new("Open_vSwitch");
    txn.mutate("Open_vSwitch", Where::all()).delete("bridges", uuid);
    client.transact(txn).await?;
    client.close().await;
    Ok(())
}
