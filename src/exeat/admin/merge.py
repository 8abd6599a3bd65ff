"""JSON Merge Patch (RFC 7396): how a PATCH changes what is there."""


def merge_patch(target: object, patch: object) -> object:
    """The target with the patch applied: null removes a member, an object goes deeper, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
