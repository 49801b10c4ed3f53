"""Buckets in memory as folders, and the statements in them as a client finds them."""


def as_folder(store, folder):
    """What lies in a TroubledStore, as files below `folder`. Returns it."""
    for key, data in store.objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def statements(bucket, schema, name):
    """The text of `name` in the folder that columns.md beside `schema` names."""
    page = (bucket / schema / "columns.md").read_text()
    [folder] = {word for word in page.split("`") if "/load-" in word}
    return (bucket / folder / name).read_text()
