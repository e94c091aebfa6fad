using Google.Protobuf;
using Quorate.Mvcc.Backing;
using Quorate.Protocol;
using Quorate.Protocol.KeyValues;

namespace Quorate.Mvcc;

/// <summary>
/// What a range found: rows where they lie, to be copied once into an answer. It holds the view that they belong to until it is disposed.
/// </summary>
public sealed class RangeResult : IDisposable
{
    private BackendView? _view;

    internal RangeResult(BackendView? view, long revision)
    {
        _view = view;
        Revision = revision;
    }

    /// <summary>The revision of the store at the time of the read.</summary>
    public long Revision { get; }

    /// <summary>The bytes of the KeyValues.</summary>
    public List<Row> Rows { get; } = [];

    /// <summary>Only keys are wanted: values are to be left out of the answer.</summary>
    public bool KeysOnly { get; internal set; }

    /// <summary>Keys in the range, whatever the limit.</summary>
    public long Count { get; internal set; }

    /// <summary>The limit cut something off.</summary>
    public bool More { get; internal set; }

    /// <summary>The same as a message of its own; the header has the revision only.</summary>
    public RangeResponse ToResponse()
    {
        var response = new RangeResponse { Header = new ResponseHeader { Revision = Revision }, Count = Count, More = More };
        response.Kvs.Capacity = Rows.Count;
        foreach (Row row in Rows)
        {
            KeyValue pair = KeyValue.Parser.ParseFrom(row.Span);
            if (KeysOnly)
            {
                pair.Value = ByteString.Empty;
            }

            response.Kvs.Add(pair);
        }

        return response;
    }

    public void Dispose() => Interlocked.Exchange(ref _view, null)?.Release();
}
