//! What was read, as the tables hold it: a table an instruction, without what has its default.

use serde_json::{Map, Value, json};
use tarsia::spec::dockerfile::{Command, Healthcheck, Instruction, Text, Transfer};

pub fn dump(instruction: &Instruction) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        let is_default = value.is_null() || value == false || value == 0 || value == json!([]);
        if !is_default || (name == "exec" || name == "values") {
            fields.insert(name.to_owned(), value);
        }
    };
    put("is", instruction.name().into());
    match instruction {
        Instruction::From { image, platform, name } => {
            put("image", text(image));
            put("platform", optional(platform));
            put("name", optional(name));
        }
        Instruction::Arg(pairs) => {
            let pairs: Vec<Vec<&str>> = pairs
                .iter()
                .map(|(name, value)| [&**name].into_iter().chain(value.as_ref().map(|value| &**value)).collect())
                .collect();
            put("pairs", json!(pairs));
        }
        Instruction::Env(pairs) | Instruction::Label(pairs) => {
            let pairs: Vec<[&str; 2]> = pairs.iter().map(|(name, value)| [&**name, &**value]).collect();
            put("pairs", json!(pairs));
        }
        Instruction::Copy(transfer) | Instruction::Add(transfer) => dump_transfer(transfer, &mut put),
        Instruction::Run { flags, command, heredocs } => {
            put("flags", texts(flags));
            dump_command(command, &mut put);
            let heredocs = heredocs.iter().map(|heredoc| {
                json!({
                    "name": heredoc.name,
                    "content": &*heredoc.content,
                    "expand": heredoc.expand,
                    "chomp": heredoc.chomp,
                })
            });
            put("heredocs", heredocs.collect());
        }
        Instruction::Cmd(command) | Instruction::Entrypoint(command) => dump_command(command, &mut put),
        Instruction::Shell(words) => put("exec", texts(words)),
        Instruction::Expose(values) | Instruction::Volume(values) => put("values", texts(values)),
        Instruction::Workdir(value)
        | Instruction::User(value)
        | Instruction::StopSignal(value)
        | Instruction::OnBuild(value)
        | Instruction::Maintainer(value) => put("value", text(value)),
        Instruction::Healthcheck(Healthcheck::None) => put("none", true.into()),
        Instruction::Healthcheck(Healthcheck::Cmd {
            command,
            interval,
            timeout,
            start_period,
            start_interval,
            retries,
        }) => {
            dump_command(command, &mut put);
            put("interval", (*interval).into());
            put("timeout", (*timeout).into());
            put("start_period", (*start_period).into());
            put("start_interval", (*start_interval).into());
            put("retries", (*retries).into());
        }
    }
    Value::Object(fields)
}

fn dump_command(command: &Command, put: &mut impl FnMut(&str, Value)) {
    match command {
        Command::Shell(line) => put("shell", text(line)),
        Command::Exec(words) => put("exec", texts(words)),
    }
}

fn dump_transfer(transfer: &Transfer, put: &mut impl FnMut(&str, Value)) {
    put("sources", texts(&transfer.sources));
    let heredocs = transfer
        .heredocs
        .iter()
        .map(|heredoc| json!({ "name": heredoc.name, "content": &*heredoc.content, "expand": heredoc.expand }));
    put("heredocs", heredocs.collect());
    put("destination", text(&transfer.destination));
    put("from", optional(&transfer.from));
    put("chown", optional(&transfer.chown));
    put("chmod", optional(&transfer.chmod));
    put("link", transfer.link.into());
    put("parents", transfer.parents.into());
    put("exclude", texts(&transfer.exclude));
    // Given as `false` is not the same as not given.
    put("keep_git_dir", transfer.keep_git_dir.map(|given| Value::from(given.to_string())).unwrap_or_default());
    put("checksum", optional(&transfer.checksum));
    put("unpack", transfer.unpack.map(|given| Value::from(given.to_string())).unwrap_or_default());
}

fn text(text: &Text) -> Value {
    text.value.clone().into()
}

fn optional(text: &Option<Text>) -> Value {
    text.as_ref().map(|text| text.value.clone()).into()
}

fn texts(texts: &[Text]) -> Value {
    texts.iter().map(|text| text.value.clone()).collect()
}
