using Google.Protobuf;
using Quorate.Mvcc.Backing;
using Quorate.Mvcc.Indexing;
using Quorate.Protocol;

namespace Quorate.Mvcc;

/// <summary>Transactions (spec 02 §5): compares and checks look at the state before, operations at each other.</summary>
public sealed partial class Keyspace
{
    /// <summary>Applies a transaction whose form was validated; an error changes nothing.</summary>
    public TxnResponse Txn(TxnRequest request)
    {
        // All decisions are made before the first change.
        List<bool> path = [];
        Decide(request, path);
        int place = 0;
        Check(request, path, ref place);
        place = 0;
        TxnResponse response = Run(request, path, ref place);
        End();
        response.Header = new ResponseHeader { Revision = _revision };
        return response;
    }

    /// <summary>Runs a transaction that only reads, on one view; any thread may call it.</summary>
    public TxnResponse ReadTxn(TxnRequest request)
    {
        while (true)
        {
            long revision = Revision;
            KeyIndex.Node root = _index.Published;
            BackendView view = _backend.AcquireView();
            try
            {
                bool succeeded = request.Compare.All(compare => Holds(compare, root, view, revision));
                var response = new TxnResponse { Header = new ResponseHeader { Revision = revision }, Succeeded = succeeded };
                foreach (RequestOp operation in succeeded ? request.Success : request.Failure)
                {
                    CheckRange(operation.RequestRange, revision);
                    response.Responses.Add(new ResponseOp { ResponseRange = Read(root, view, revision, operation.RequestRange).ToResponse() });
                }

                if (CompactedRevision <= revision)
                {
                    return response;
                }
            }
            catch (RowMissingException) when (CompactedRevision > revision)
            {
                // As in Range: the newest state is read again.
            }
            finally
            {
                view.Release();
            }
        }
    }

    private void Decide(TxnRequest request, List<bool> path)
    {
        BackendView view = _backend.AcquireView();
        try
        {
            Decide(request, path, view);
        }
        finally
        {
            view.Release();
        }
    }

    private void Decide(TxnRequest request, List<bool> path, BackendView view)
    {
        bool succeeded = request.Compare.All(compare => Holds(compare, _index.Working, view, _revision));
        path.Add(succeeded);
        foreach (RequestOp operation in succeeded ? request.Success : request.Failure)
        {
            if (operation.RequestCase == RequestOp.RequestOneofCase.RequestTxn)
            {
                Decide(operation.RequestTxn, path, view);
            }
        }
    }

    private void Check(TxnRequest request, List<bool> path, ref int place)
    {
        foreach (RequestOp operation in path[place++] ? request.Success : request.Failure)
        {
            switch (operation.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    CheckRange(operation.RequestRange, _revision);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    CheckPut(operation.RequestPut);
                    break;
                case RequestOp.RequestOneofCase.RequestTxn:
                    Check(operation.RequestTxn, path, ref place);
                    break;
            }
        }
    }

    /// <summary>Unlike a plain range, one in a transaction does not take a negative revision as the current one.</summary>
    private void CheckRange(RangeRequest request, long current)
    {
        if (request.Revision > current)
        {
            throw EtcdErrors.FutureRevision;
        }

        if (request.Revision != 0 && request.Revision < CompactedRevision)
        {
            throw EtcdErrors.Compacted;
        }
    }

    private TxnResponse Run(TxnRequest request, List<bool> path, ref int place)
    {
        bool succeeded = path[place++];
        var response = new TxnResponse { Succeeded = succeeded };
        foreach (RequestOp operation in succeeded ? request.Success : request.Failure)
        {
            var answer = new ResponseOp();
            switch (operation.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    answer.ResponseRange = RangeInside(operation.RequestRange);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    answer.ResponsePut = PutCore(operation.RequestPut);
                    answer.ResponsePut.Header = new ResponseHeader { Revision = NextRevision };
                    break;
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    answer.ResponseDeleteRange = DeleteCore(operation.RequestDeleteRange);
                    answer.ResponseDeleteRange.Header = new ResponseHeader { Revision = ReadRevision };
                    break;
                case RequestOp.RequestOneofCase.RequestTxn:
                    answer.ResponseTxn = Run(operation.RequestTxn, path, ref place);
                    answer.ResponseTxn.Header = new ResponseHeader();
                    break;
            }

            response.Responses.Add(answer);
        }

        return response;
    }

    private RangeResponse RangeInside(RangeRequest request)
    {
        BackendView view = _backend.AcquireView();
        using RangeResult result = Read(_index.Working, view, ReadRevision, request);
        return result.ToResponse();
    }

    private static bool Holds(Compare compare, KeyIndex.Node root, BackendView view, long revision)
    {
        if (compare.RangeEnd.IsEmpty)
        {
            return Holds(compare, root.Find(compare.Key.Span) is { } history && history.TryGet(revision, out Revision found) ? found : null, view);
        }

        var range = new KeyRange(compare.Key.ToByteArray(), compare.RangeEnd.ToByteArray());
        bool any = false;
        foreach (KeyHistory history in root.Range(range.Start, range.Below))
        {
            if (history.TryGet(revision, out Revision found))
            {
                any = true;
                if (!Holds(compare, found, view))
                {
                    return false;
                }
            }
        }

        return any || Holds(compare, (Revision?)null, view);
    }

    private static bool Holds(Compare compare, Revision? revision, BackendView view)
    {
        if (revision is null && compare.Target == Compare.Types.CompareTarget.Value)
        {
            // The value of a key that is not there is neither equal nor different.
            return false;
        }

        RowParts row = revision is { } found ? RowCodec.Decode(RowOf(view, found).Span) : default;
        bool isGiven(Compare.TargetUnionOneofCase member) => compare.TargetUnionCase == member;
        int order = compare.Target switch
        {
            Compare.Types.CompareTarget.Version =>
                row.Version.CompareTo(isGiven(Compare.TargetUnionOneofCase.Version) ? compare.Version : 0),
            Compare.Types.CompareTarget.Create =>
                row.Created.CompareTo(isGiven(Compare.TargetUnionOneofCase.CreateRevision) ? compare.CreateRevision : 0),
            Compare.Types.CompareTarget.Mod =>
                row.Modified.CompareTo(isGiven(Compare.TargetUnionOneofCase.ModRevision) ? compare.ModRevision : 0),
            Compare.Types.CompareTarget.Value =>
                row.Value.SequenceCompareTo(isGiven(Compare.TargetUnionOneofCase.Value) ? compare.Value.Span : default),
            Compare.Types.CompareTarget.Lease =>
                row.Lease.CompareTo(isGiven(Compare.TargetUnionOneofCase.Lease) ? compare.Lease : 0),
            _ => 0,
        };
        return compare.Result switch
        {
            Compare.Types.CompareResult.Equal => order == 0,
            Compare.Types.CompareResult.Greater => order > 0,
            Compare.Types.CompareResult.Less => order < 0,
            Compare.Types.CompareResult.NotEqual => order != 0,
            _ => true,
        };
    }
}
