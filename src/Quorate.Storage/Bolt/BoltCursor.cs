namespace Quorate.Storage.Bolt;

/// <summary>A place in a bucket. <see cref="Key"/> and <see cref="Value"/> are valid after a move that returned true.</summary>
public sealed class BoltCursor
{
    /// <summary>No tree of 2^63 bytes is as deep as this; a damaged one may have a loop.</summary>
    internal const int MaxDepth = 64;

    private readonly BoltReadTransaction _transaction;
    private readonly Page _root;
    private readonly List<(Page Page, int Index)> _path = [];

    internal BoltCursor(BoltReadTransaction transaction, Page root, ulong rootId)
    {
        _transaction = transaction;
        _root = root;
    }

    public ReadOnlySpan<byte> Key => _path[^1].Page.Key(_path[^1].Index);

    public ReadOnlySpan<byte> Value => _path[^1].Page.Value(_path[^1].Index);

    public bool First()
    {
        _path.Clear();
        return Descend(_root, first: true);
    }

    public bool Last()
    {
        _path.Clear();
        return Descend(_root, first: false);
    }

    /// <summary>Moves to the first key that is not below a key.</summary>
    public bool Seek(ReadOnlySpan<byte> key)
    {
        _path.Clear();
        Page page = _root;
        while (!page.IsLeaf)
        {
            int child = page.FindChild(key);
            Push(page, child);
            page = _transaction.PageAt(page.Child(child));
        }

        (int index, _) = page.Find(key);
        Push(page, index);
        return index < page.Count || (Ascend(forward: true) && Descend(Child(), first: true));
    }

    public bool Next()
    {
        (Page page, int index) = _path[^1];
        _path[^1] = (page, index + 1);
        return index + 1 < page.Count || (Ascend(forward: true) && Descend(Child(), first: true));
    }

    public bool Previous()
    {
        (Page page, int index) = _path[^1];
        _path[^1] = (page, index - 1);
        return index > 0 || (Ascend(forward: false) && Descend(Child(), first: false));
    }

    private Page Child()
    {
        (Page page, int index) = _path[^1];
        return _transaction.PageAt(page.Child(index));
    }

    private bool Descend(Page page, bool first)
    {
        while (!page.IsLeaf)
        {
            if (page.Count == 0)
            {
                throw _transaction.Database.Damaged(page.Id, "an empty branch");
            }

            int index = first ? 0 : page.Count - 1;
            Push(page, index);
            page = _transaction.PageAt(page.Child(index));
        }

        Push(page, first ? 0 : page.Count - 1);
        if (page.Count > 0)
        {
            return true;
        }

        // Only an empty bucket has an empty leaf; a damaged one elsewhere is stepped over.
        return Ascend(forward: first) && Descend(Child(), first);
    }

    /// <summary>Moves to the next or previous element of a page above; false at the end of the bucket.</summary>
    private bool Ascend(bool forward)
    {
        while (_path.Count > 1)
        {
            _path.RemoveAt(_path.Count - 1);
            (Page page, int index) = _path[^1];
            index += forward ? 1 : -1;
            _path[^1] = (page, index);
            if (index >= 0 && index < page.Count)
            {
                return true;
            }
        }

        return false;
    }

    private void Push(Page page, int index)
    {
        if (_path.Count >= MaxDepth)
        {
            throw _transaction.Database.Damaged(page.Id, "the tree is too deep");
        }

        _path.Add((page, index));
    }
}
