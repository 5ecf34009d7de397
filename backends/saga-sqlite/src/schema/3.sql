-- What each worker can drive, as a JSON array: what no live one knows is nobody's work.
ALTER TABLE workers ADD COLUMN definitions TEXT NOT NULL DEFAULT '[]';
