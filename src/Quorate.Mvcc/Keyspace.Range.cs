using Google.Protobuf;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Indexing;
using Quorate.Protocol;

namespace Quorate.Mvcc;

/// <summary>Reading at a revision (spec 02 §3).</summary>
public sealed partial class Keyspace
{
    /// <summary>
    /// Reads a range; <see cref="EtcdErrors.Compacted"/> or <see cref="EtcdErrors.FutureRevision"/> for a revision that cannot be read. Any
    /// thread may call it, and disposes the result when it is written.
    /// </summary>
    public RangeResult Range(RangeRequest request)
    {
        while (true)
        {
            // In this order: what is read later can only be newer, and what is newer than the revision is not looked at.
            long revision = Revision;
            KeyIndex.Node root = _index.Published;
            BackendView view = _backend.AcquireView();
            RangeResult? result = null;
            try
            {
                result = Read(root, view, revision, request);
            }
            catch (RowMissingException) when (CompactedRevision > revision)
            {
                // A compaction went by: what was the newest state is no longer there, but a newer one is.
            }
            finally
            {
                if (result is null)
                {
                    view.Release();
                }
            }

            if (result is null)
            {
                continue;
            }

            long at = request.Revision > 0 ? request.Revision : revision;
            if (CompactedRevision <= at)
            {
                return result;
            }

            result.Dispose();
            if (request.Revision > 0)
            {
                throw EtcdErrors.Compacted;
            }
        }
    }

    /// <summary>All changes from a revision on that are not compacted, in order, as rows; a return of false ends it.</summary>
    public void VisitHistory(long from, RowVisitor visit)
    {
        BackendView view = _backend.AcquireView();
        try
        {
            view.VisitRows(from, visit);
        }
        finally
        {
            view.Release();
        }
    }

    private RangeResult Read(KeyIndex.Node root, BackendView view, long current, RangeRequest request)
    {
        if (request.Revision > current)
        {
            throw EtcdErrors.FutureRevision;
        }

        if (request.Revision > 0 && request.Revision < CompactedRevision)
        {
            throw EtcdErrors.Compacted;
        }

        long at = request.Revision > 0 ? request.Revision : current;
        var result = new RangeResult(view, current) { KeysOnly = request.KeysOnly };
        if (request.RangeEnd.IsEmpty)
        {
            if (root.Find(request.Key.Span) is { } history && history.TryGet(at, out Revision revision))
            {
                result.Count = 1;
                if (!request.CountOnly)
                {
                    result.Rows.Add(RowOf(view, revision));
                }
            }
        }
        else
        {
            ReadMany(root, view, at, request, result);
        }

        if (!request.CountOnly)
        {
            FilterAndSort(request, result);
        }

        return result;
    }

    private static void ReadMany(KeyIndex.Node root, BackendView view, long at, RangeRequest request, RangeResult result)
    {
        bool fetchesAll = NeedsAll(request);
        long wanted = request.CountOnly ? 0 : request.Limit > 0 && !fetchesAll ? request.Limit + 1 : long.MaxValue;
        var range = new KeyRange(request.Key.ToByteArray(), request.RangeEnd.ToByteArray());
        foreach (KeyHistory history in root.Range(range.Start, range.Below))
        {
            if (history.TryGet(at, out Revision revision))
            {
                if (result.Count++ < wanted)
                {
                    result.Rows.Add(RowOf(view, revision));
                }
            }
        }
    }

    private static bool NeedsAll(RangeRequest request) =>
        (request.SortOrder != RangeRequest.Types.SortOrder.None
            && !(request.SortOrder == RangeRequest.Types.SortOrder.Ascend && request.SortTarget == RangeRequest.Types.SortTarget.Key))
        || HasFilter(request);

    private static bool HasFilter(RangeRequest request) =>
        (request.MinModRevision | request.MaxModRevision | request.MinCreateRevision | request.MaxCreateRevision) != 0;

    private static void FilterAndSort(RangeRequest request, RangeResult result)
    {
        List<Row> rows = result.Rows;
        if (HasFilter(request))
        {
            rows.RemoveAll(row =>
            {
                RowParts parts = RowCodec.Decode(row.Span);
                return (request.MaxModRevision != 0 && parts.Modified > request.MaxModRevision)
                    || (request.MinModRevision != 0 && parts.Modified < request.MinModRevision)
                    || (request.MaxCreateRevision != 0 && parts.Created > request.MaxCreateRevision)
                    || (request.MinCreateRevision != 0 && parts.Created < request.MinCreateRevision);
            });
        }

        bool descends = request.SortOrder == RangeRequest.Types.SortOrder.Descend;
        if (rows.Count > 1 && (descends || request.SortTarget != RangeRequest.Types.SortTarget.Key))
        {
            Row[] sorted = [.. rows.Order(new RowOrder(request.SortTarget, descends))];
            rows.Clear();
            rows.AddRange(sorted);
        }

        if (request.Limit > 0 && rows.Count > request.Limit)
        {
            rows.RemoveRange((int)request.Limit, rows.Count - (int)request.Limit);
            result.More = true;
        }
    }

    private static Row RowOf(BackendView view, Revision revision) =>
        view.TryGetRow(revision.Main, revision.Sub, out Row row) ? row : throw new RowMissingException(revision);

    /// <summary>The index has a revision that the database lacks: compaction has removed it meanwhile, or the file is damaged.</summary>
    private sealed class RowMissingException(Revision revision)
        : Storage.StorageException($"bucket key has no row of revision {revision.Main}_{revision.Sub}");

    /// <summary>A stable order: rows that are equal stay in the order of their keys.</summary>
    private sealed class RowOrder(RangeRequest.Types.SortTarget target, bool descends) : IComparer<Row>
    {
        public int Compare(Row x, Row y)
        {
            RowParts one = RowCodec.Decode(x.Span), other = RowCodec.Decode(y.Span);
            int order = target switch
            {
                RangeRequest.Types.SortTarget.Version => one.Version.CompareTo(other.Version),
                RangeRequest.Types.SortTarget.Create => one.Created.CompareTo(other.Created),
                RangeRequest.Types.SortTarget.Mod => one.Modified.CompareTo(other.Modified),
                RangeRequest.Types.SortTarget.Value => one.Value.SequenceCompareTo(other.Value),
                _ => one.Key.SequenceCompareTo(other.Key),
            };
            return descends ? -order : order;
        }
    }
}
