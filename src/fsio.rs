//! Durable writes, private directories, disk space. The only place that fsyncs or renames.
