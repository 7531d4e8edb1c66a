//! Files of objects: YAML or JSON, one object a document, or lists of them.

use std::{io::Read, path::Path};

use anyhow::Context;
use api::{Apply, Manifest};
use serde_json::Value;

/// The largest file, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// Reads files of objects; `-` is standard input.
pub fn read(paths: &[std::path::PathBuf]) -> anyhow::Result<Apply> {
    let mut objects = Vec::new();
    for path in paths {
        let text = text(path)?;
        objects.extend(parse(&text).with_context(|| path.display().to_string()).map_err(|e| anyhow::anyhow!("{e:#}"))?);
    }
    Ok(Apply { objects })
}

/// All of a file, or of standard input.
pub fn text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().lock().take(MAX_FILE + 1).read_to_string(&mut text),
        _ => std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text)),
    };
    let length = read.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    anyhow::ensure!(length as u64 <= MAX_FILE, "{}: larger than {MAX_FILE} bytes; split it", path.display());
    Ok(text)
}

fn parse(text: &str) -> anyhow::Result<Vec<Manifest>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, limits(text.len()))
        .map_err(|error| anyhow::anyhow!("{}", first_line(&error.to_string())))?;
    let mut objects = Vec::new();
    for (nth, document) in documents.into_iter().enumerate() {
        let items = match document {
            Value::Null => Vec::new(),
            Value::Array(items) => items,
            one => vec![one],
        };
        for item in items {
            objects.push(object(item).map_err(|error| anyhow::anyhow!("document {}: {error}", nth + 1))?);
        }
    }
    anyhow::ensure!(!objects.is_empty(), "holds no object");
    Ok(objects)
}

/// Names the object a mistake is in.
fn object(item: Value) -> Result<Manifest, String> {
    let word = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    let which = format!("{}/{}", word("kind"), word("name"));
    serde_json::from_value(item).map_err(|error| format!("{which}: {error}"))
}

/// As many objects as so many bytes have room for; a small file that stands for a large one is refused as ever.
fn limits(length: usize) -> serde_saphyr::Options {
    let length = length.max(1 << 10);
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_documents: length, max_nodes: length, max_events: length * 2 },
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str =
        "kind: Service\nname: web\nspec:\n  vip: 10.96.0.10\n  ports:\n  - {port: 80, target_port: 8080}\n";

    #[test]
    fn reads_documents_lists_and_json() {
        let two = format!("{WEB}---\n- kind: network\n  name: blue\n  spec: {{subnets: [10.50.0.0/16], mode: flat}}\n");
        let objects = parse(&two).unwrap();
        assert_eq!(objects.iter().map(|o| o.id().1.to_string()).collect::<Vec<_>>(), ["web", "blue"]);
        let json = serde_json::to_string(&objects).unwrap();
        assert_eq!(parse(&json).unwrap(), objects);
    }

    #[test]
    fn reads_as_many_objects_as_a_cluster_has() {
        let many = (0..20_000).fold(String::new(), |file, n| file + "---\n" + &WEB.replace("web", &format!("web-{n}")));
        assert_eq!(parse(&many).unwrap().len(), 20_000);
    }

    #[test]
    fn says_which_object_is_wrong() {
        let wrong = |text: &str| parse(text).unwrap_err().to_string();
        assert!(wrong(&WEB.replace("vip:", "vipp:")).contains("Service/web: unknown field `vipp`"));
        assert!(wrong("").contains("no object"));
        assert!(wrong("a: [").lines().count() == 1);
        assert!(wrong("a: &a [*a]").lines().count() == 1, "a cycle");
        assert!(wrong("kind: Teapot\nname: x\nspec: {}").contains("Teapot/x"));
    }
}
