//! Adds a bridge, then prints the bridges as they change.

use ovsdb::tables::Bridge;
use ovsdb::{Client, Connector, Options, Replica, Txn, TypedRow, Where};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or("unix:/run/openvswitch/db.sock".to_owned());
    let options = Options::new("Open_vSwitch").watch::<Bridge>().index("Bridge", &["name"]);
    let client = Client::connect(Connector::new(&address)?, options);
    client.ready().await?;

    if client.replica().find_one::<Bridge>("name", "br-example").is_none() {
        let mut txn = Txn::new("Open_vSwitch");
        let bridge = txn.insert("Bridge").set("name", "br-example").id();
        txn.mutate("Open_vSwitch", Where::all()).insert("bridges", &bridge);
        client.transact(txn).await?;
    }

    let mut changes = client.changes_since(Replica::empty());
    while let Some(list) = changes.next().await {
        for row in list.iter().filter_map(|change| change.new.as_ref()) {
            let bridge = Bridge::from_row(row);
            println!("{} {:?} {:?}", bridge.name, bridge.fail_mode, bridge.external_ids);
        }
    }
    Ok(())
}
