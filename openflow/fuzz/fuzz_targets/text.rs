//! Any text is read or refused; what is read prints, and reads back as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openflow::text;

fuzz_target!(|input: &str| {
    let _ = (text::parse_match(input), text::parse_group(input));
    let Ok(actions) = text::parse_actions(input) else { return };
    let printed = text::Actions(&actions).to_string();
    if let Ok(again) = text::parse_actions(&printed) {
        assert_eq!(text::Actions(&again).to_string(), printed);
    }
    if let Ok(flow) = text::parse_flow(input) {
        let _ = text::FlowMod(&flow).to_string();
    }
});
