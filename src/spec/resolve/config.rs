//! The config: what `[config]` changes.

use toml::Spanned;

use super::Source;
use crate::image::{ConfigEdits, Healthcheck};
use crate::spec::dockerfile::parse_trigger;
use crate::spec::duration;
use crate::spec::error::SpecError;
use crate::spec::file::{ConfigTable, EnvField, HealthcheckTable, PortField};

impl Source {
    pub(super) fn config(&self, table: ConfigTable) -> Result<ConfigEdits, SpecError> {
        let env = self.env(table.env)?;
        let mut expose = Vec::new();
        for port in table.expose {
            let text = match port.get_ref() {
                PortField::Number(number) => number.to_string(),
                PortField::Text(text) => text.clone(),
            };
            let (number, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
            let is_number = number.bytes().all(|byte| byte.is_ascii_digit())
                && number.parse::<u16>().is_ok_and(|number| number > 0);
            if !is_number || !["tcp", "udp", "sctp"].contains(&protocol) {
                return Err(self.error(port.span(), format!("`{text}` is not a port such as 8080 or 53/udp")));
            }
            expose.push(text);
        }
        if let Some(workdir) = table.workdir.as_ref().filter(|workdir| !workdir.get_ref().starts_with('/')) {
            let (text, help) = (workdir.get_ref(), format!("write `/{}`", workdir.get_ref()));
            return Err(self.error_with_help(workdir.span(), format!("`{text}` is not an absolute path"), help));
        }
        Ok(ConfigEdits {
            shell: table.shell,
            on_build: table.onbuild.map(|triggers| self.triggers(triggers)).transpose()?,
            author: table.author,
            args_escaped: table.args_escaped,
            env,
            workdir: table.workdir.map(Spanned::into_inner),
            entrypoint: table.entrypoint,
            cmd: table.cmd,
            user: table.user,
            labels: table.labels,
            expose,
            volumes: table.volumes,
            stop_signal: table.stop_signal,
            healthcheck: table.healthcheck.map(|check| self.healthcheck(check)).transpose()?,
        })
    }

    fn env(&self, env: EnvField) -> Result<Vec<(String, String)>, SpecError> {
        match env {
            EnvField::List(list) => self.env_list(list),
            EnvField::Table(table) => {
                if let Some((name, value)) = table.iter().find(|(name, _)| !is_variable(name)) {
                    return Err(self.error(value.span(), format!("`{name}` is not a variable's name")));
                }
                Ok(table.into_iter().map(|(name, value)| (name, value.into_inner())).collect())
            }
        }
    }

    fn env_list(&self, list: Vec<Spanned<String>>) -> Result<Vec<(String, String)>, SpecError> {
        let mut env: Vec<(String, String)> = Vec::new();
        for line in list {
            let Some((name, value)) = line.get_ref().split_once('=').filter(|(name, _)| is_variable(name)) else {
                return Err(self.error(line.span(), format!("`{}` is not of the form NAME=VALUE", line.get_ref())));
            };
            if env.iter().any(|(other, _)| other == name) {
                return Err(self.error(line.span(), format!("the variable `{name}` stands twice")));
            }
            env.push((name.to_owned(), value.to_owned()));
        }
        Ok(env)
    }

    fn triggers(&self, triggers: Vec<Spanned<String>>) -> Result<Vec<String>, SpecError> {
        let trigger = |trigger: Spanned<String>| match parse_trigger(trigger.get_ref()) {
            Ok(_) => Ok(trigger.into_inner()),
            Err(error) => Err(SpecError::At {
                span: self.span(trigger.span()),
                message: format!("`{}` cannot be a trigger: {}", trigger.get_ref(), error.message),
                help: error.help,
            }),
        };
        triggers.into_iter().map(trigger).collect()
    }

    fn healthcheck(&self, check: Spanned<HealthcheckTable>) -> Result<Healthcheck, SpecError> {
        let range = check.span();
        let table = check.into_inner();
        let well_formed = match table.test.first().map(String::as_str) {
            Some("NONE") => table.test.len() == 1,
            Some("CMD") => table.test.len() > 1,
            Some("CMD-SHELL") => table.test.len() == 2,
            _ => false,
        };
        if !well_formed {
            let message = "`test` is [\"CMD\", …], [\"CMD-SHELL\", text] or [\"NONE\"]";
            return Err(self.error(range, message));
        }
        let time = |text: Option<String>| {
            text.map(|text| {
                duration::parse(&text)
                    .ok_or_else(|| self.error(range.clone(), format!("`{text}` is not a duration such as 1m30s")))
            })
            .transpose()
        };
        Ok(Healthcheck {
            test: table.test,
            interval: time(table.interval)?,
            timeout: time(table.timeout)?,
            start_period: time(table.start_period)?,
            start_interval: time(table.start_interval)?,
            retries: table.retries,
        })
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
