mod dump;
mod expansion;
mod parser;
