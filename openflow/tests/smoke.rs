//! The message of the contract's examples, decoded by the types and encoded again.

use openflow::{Action, Body, Field, Instruction, Message};

const FLOW_MOD: &str = "040e006800000006000000000000000000000000000000000d00000000008000ffffffffffffffffffffffff000000000001001680000a0208000001d308000000210000002100000004002000000000ffff00180000232000230001000000000000140000000000";

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
fn flow_mod_with_ct() {
    let bytes = unhex(FLOW_MOD);
    let message = Message::decode(&bytes).unwrap();
    let Body::FlowMod(flow) = &message.body else { panic!("{message:?}") };
    assert_eq!(flow.table_id.0, 13);
    assert_eq!(flow.matching.get(Field::NXM_NX_CT_STATE).unwrap().mask(), Some(&[0, 0, 0, 0x21][..]));
    let [Instruction::ApplyActions { actions }] = flow.instructions.as_slice() else { panic!() };
    let [Action::NxCt(ct)] = actions.as_slice() else { panic!() };
    assert_eq!(ct.recirc_table.0, 20);
    assert_eq!(message.encode().unwrap(), bytes);
}
