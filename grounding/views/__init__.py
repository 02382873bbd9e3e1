"""Views: crops of a picture at full resolution, shown beside the whole picture in one question."""
