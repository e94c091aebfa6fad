namespace Quorate.Mvcc.Indexing;

/// <summary>
/// All keys in order: a B+tree that is copied on write, so that a root is a view which does not change. Only new and removed keys copy a
/// path; a new revision of a key goes into its history. Nodes that the writer made since the last <see cref="Publish"/> are its own.
/// </summary>
internal sealed class KeyIndex
{
    private const int Fanout = 64;

    private Node _working = new(isLeaf: true, 0);
    private Node _published;
    private long _epoch;

    public KeyIndex() => _published = _working;

    /// <summary>Number of keys, those included that are deleted but not compacted.</summary>
    public int Count { get; private set; }

    /// <summary>What readers see now. It does not change, but for revisions that are added to its keys.</summary>
    public Node Published => Volatile.Read(ref _published);

    /// <summary>The writer's own state.</summary>
    public Node Working => _working;

    /// <summary>Lets readers see all keys; the writer calls it when a change is whole.</summary>
    public void Publish()
    {
        if (!ReferenceEquals(_published, _working))
        {
            Volatile.Write(ref _published, _working);
        }

        _epoch++;
    }

    /// <summary>The history of a key, which is made if there is none.</summary>
    public KeyHistory GetOrAdd(byte[] key)
    {
        if (_working.Find(key) is { } found)
        {
            return found;
        }

        var history = new KeyHistory(key);
        _working = Own(_working);
        if (_working.Count == Fanout)
        {
            var root = new Node(isLeaf: false, _epoch);
            root.Insert(0, _working.Keys[0], _working);
            root.Split(0, _epoch);
            _working = root;
        }

        Node node = _working;
        while (!node.IsLeaf)
        {
            int index = node.ChildOf(key);
            Node child = Own((Node)node.Items[index]!);
            node.Items[index] = child;
            if (child.Count == Fanout)
            {
                node.Split(index, _epoch);
                if (key.AsSpan().SequenceCompareTo(node.Keys[index + 1]) >= 0)
                {
                    index++;
                    child = (Node)node.Items[index]!;
                }
            }

            if (index == 0 && key.AsSpan().SequenceCompareTo(node.Keys[0]) < 0)
            {
                node.Keys[0] = key;
            }

            node = child;
        }

        int place = node.LowerBound(key);
        node.Insert(place, key, history);
        Count++;
        return history;
    }

    /// <summary>Puts another history in the place of a key's; null removes the key.</summary>
    public void Replace(byte[] key, KeyHistory? history)
    {
        _working = Own(_working);
        Node node = _working;
        var path = new List<(Node Node, int Index)>();
        while (!node.IsLeaf)
        {
            int index = node.ChildOf(key);
            Node child = Own((Node)node.Items[index]!);
            node.Items[index] = child;
            path.Add((node, index));
            node = child;
        }

        int place = node.LowerBound(key);
        if (history is not null)
        {
            node.Items[place] = history;
            return;
        }

        node.RemoveAt(place);
        Count--;
        for (int depth = path.Count - 1; depth >= 0 && node.Count == 0; depth--)
        {
            (node, int index) = path[depth];
            node.RemoveAt(index);
        }

        while (!_working.IsLeaf && _working.Count <= 1)
        {
            _working = _working.Count == 0 ? new Node(isLeaf: true, _epoch) : (Node)_working.Items[0]!;
        }
    }

    private Node Own(Node node) => node.Epoch == _epoch ? node : node.Copy(_epoch);

    /// <summary>A leaf with histories, or a branch with the lowest keys of its children.</summary>
    internal sealed class Node(bool isLeaf, long epoch)
    {
        public bool IsLeaf => isLeaf;

        public long Epoch => epoch;

        public int Count { get; private set; }

        public byte[][] Keys { get; } = new byte[Fanout][];

        public object?[] Items { get; } = new object?[Fanout];

        public KeyHistory? Find(ReadOnlySpan<byte> key)
        {
            Node node = this;
            while (!node.IsLeaf)
            {
                node = (Node)node.Items[node.ChildOf(key)]!;
            }

            int index = node.LowerBound(key);
            return index < node.Count && node.Keys[index].AsSpan().SequenceEqual(key) ? (KeyHistory)node.Items[index]! : null;
        }

        /// <summary>Histories of the keys from one on, below another if there is one, in order.</summary>
        public IEnumerable<KeyHistory> Range(byte[] from, byte[]? below)
        {
            var path = new Stack<(Node Node, int Index)>();
            Node node = this;
            while (!node.IsLeaf)
            {
                int index = node.ChildOf(from);
                path.Push((node, index));
                node = (Node)node.Items[index]!;
            }

            int place = node.LowerBound(from);
            while (true)
            {
                for (; place < node.Count; place++)
                {
                    if (below is not null && node.Keys[place].AsSpan().SequenceCompareTo(below) >= 0)
                    {
                        yield break;
                    }

                    yield return (KeyHistory)node.Items[place]!;
                }

                while (path.Count > 0 && path.Peek().Index + 1 >= path.Peek().Node.Count)
                {
                    path.Pop();
                }

                if (path.Count == 0)
                {
                    yield break;
                }

                (Node branch, int index) = path.Pop();
                path.Push((branch, index + 1));
                node = (Node)branch.Items[index + 1]!;
                while (!node.IsLeaf)
                {
                    path.Push((node, 0));
                    node = (Node)node.Items[0]!;
                }

                place = 0;
            }
        }

        public int ChildOf(ReadOnlySpan<byte> key)
        {
            int index = LowerBound(key);
            return index < Count && Keys[index].AsSpan().SequenceEqual(key) ? index : Math.Max(index - 1, 0);
        }

        public int LowerBound(ReadOnlySpan<byte> key)
        {
            int low = 0, high = Count;
            while (low < high)
            {
                int middle = (low + high) >>> 1;
                if (Keys[middle].AsSpan().SequenceCompareTo(key) < 0)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return low;
        }

        public void Insert(int index, byte[] key, object item)
        {
            Array.Copy(Keys, index, Keys, index + 1, Count - index);
            Array.Copy(Items, index, Items, index + 1, Count - index);
            Keys[index] = key;
            Items[index] = item;
            Count++;
        }

        public void RemoveAt(int index)
        {
            Array.Copy(Keys, index + 1, Keys, index, Count - index - 1);
            Array.Copy(Items, index + 1, Items, index, Count - index - 1);
            Count--;
            Keys[Count] = null!;
            Items[Count] = null;
        }

        /// <summary>Splits a full child; keys that only grow leave the left one nearly full.</summary>
        public void Split(int index, long at)
        {
            var left = (Node)Items[index]!;
            bool isLast = index == Count - 1;
            int keep = isLast ? Fanout * 7 / 8 : Fanout / 2;
            var right = new Node(left.IsLeaf, at) { Count = Fanout - keep };
            Array.Copy(left.Keys, keep, right.Keys, 0, right.Count);
            Array.Copy(left.Items, keep, right.Items, 0, right.Count);
            Array.Clear(left.Keys, keep, right.Count);
            Array.Clear(left.Items, keep, right.Count);
            left.Count = keep;
            Insert(index + 1, right.Keys[0], right);
        }

        public Node Copy(long at)
        {
            var copy = new Node(isLeaf, at) { Count = Count };
            Array.Copy(Keys, copy.Keys, Count);
            Array.Copy(Items, copy.Items, Count);
            return copy;
        }
    }
}
