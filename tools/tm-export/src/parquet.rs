//! `--format parquet`: one row a hop record, written in groups, so that memory stays small.

use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};
use tm_schema::Hop;
use tm_stream::{Error, Output};

use crate::columns::{COLUMNS, Kind, Value};
use crate::sink::{Sink, Writer};

/// Rows of a group.
const GROUP: usize = 50_000;

/// A file in the making.
pub(crate) struct Parquet {
    file: SerializedFileWriter<Writer>,
    columns: Vec<Cells>,
    rows: usize,
}

/// The cells of one column of the group, and for each row whether there is one.
struct Cells {
    values: Values,
    present: Vec<i16>,
}

enum Values {
    Integers(Vec<i64>),
    Reals(Vec<f64>),
    Booleans(Vec<bool>),
    Texts(Vec<ByteArray>),
}

impl Parquet {
    pub(crate) fn new(output: &Output) -> Result<Self, Error> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("tm-export {}", env!("CARGO_PKG_VERSION")));
        let schema = schema().map_err(cannot)?;
        let file =
            SerializedFileWriter::new(Writer(output.clone()), schema, Arc::new(properties.build()));
        Ok(Self { file: file.map_err(cannot)?, columns: columns(), rows: 0 })
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for cells in std::mem::replace(&mut self.columns, columns()) {
            let Some(mut column) = group.next_column()? else { break };
            match cells.values {
                Values::Integers(values) => {
                    write::<Int64Type>(&mut column, &values, &cells.present)
                }
                Values::Reals(values) => write::<DoubleType>(&mut column, &values, &cells.present),
                Values::Booleans(values) => write::<BoolType>(&mut column, &values, &cells.present),
                Values::Texts(values) => {
                    write::<ByteArrayType>(&mut column, &values, &cells.present)
                }
            }?;
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

impl Sink for Parquet {
    fn hop(&mut self, hop: &Hop) -> Result<(), Error> {
        for (column, cells) in COLUMNS.iter().zip(&mut self.columns) {
            cells.push((column.get)(hop));
        }
        self.rows += 1;
        if self.rows == GROUP { self.write_group().map_err(cannot) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), Error> {
        self.write_group().map_err(cannot)?;
        self.file.close().map(drop).map_err(cannot)
    }
}

impl Cells {
    fn push(&mut self, value: Value<'_>) {
        let present = match (&mut self.values, value) {
            (Values::Integers(values), Value::Integer(value)) => {
                values.push(value);
                true
            }
            (Values::Integers(values), Value::Time(time)) => {
                values.push(time.as_microseconds());
                true
            }
            (Values::Reals(values), Value::Real(value)) => {
                values.push(value);
                true
            }
            (Values::Booleans(values), Value::Boolean(value)) => {
                values.push(value);
                true
            }
            (Values::Texts(values), Value::Text(text)) => {
                values.push(ByteArray::from(text.as_bytes().to_vec()));
                true
            }
            _ => false,
        };
        self.present.push(i16::from(present));
    }
}

fn columns() -> Vec<Cells> {
    let cells = |kind| match kind {
        Kind::Integer | Kind::Time => Values::Integers(Vec::new()),
        Kind::Real => Values::Reals(Vec::new()),
        Kind::Boolean => Values::Booleans(Vec::new()),
        Kind::Text => Values::Texts(Vec::new()),
    };
    COLUMNS.iter().map(|column| Cells { values: cells(column.kind), present: Vec::new() }).collect()
}

fn write<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    present: &[i16],
) -> Result<usize, ParquetError> {
    column.typed::<T>().write_batch(values, Some(present), None)
}

fn schema() -> Result<TypePtr, ParquetError> {
    let field = |name: &str, kind| {
        let (physical, logical) = match kind {
            Kind::Integer => (Physical::INT64, None),
            Kind::Real => (Physical::DOUBLE, None),
            Kind::Boolean => (Physical::BOOLEAN, None),
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        field.build().map(Arc::new)
    };
    let fields = COLUMNS.iter().map(|column| field(column.name, column.kind));
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    Type::group_type_builder("hop").with_fields(fields).build().map(Arc::new)
}

fn cannot(error: ParquetError) -> Error {
    match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => (*error).into(),
            Err(error) => Error::Failed(format!("cannot write Parquet: {error}")),
        },
        error => Error::Failed(format!("cannot write Parquet: {error}")),
    }
}
