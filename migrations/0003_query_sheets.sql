-- Ids of the sheets that the SQL named, as a JSON array; null where it was logged before they were kept. A sheet's name
-- does not tell: after a deletion another sheet may have it.
ALTER TABLE queries ADD COLUMN sheets TEXT;
