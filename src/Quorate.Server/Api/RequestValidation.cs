using Google.Protobuf;
using Google.Protobuf.Collections;
using Quorate.Protocol;

namespace Quorate.Server.Api;

/// <summary>What is refused of a request's form, before anything is proposed or read (spec 02 §3 to §5).</summary>
internal static class RequestValidation
{
    public static void Check(RangeRequest request)
    {
        if (request.Key.IsEmpty)
        {
            throw EtcdErrors.EmptyKey;
        }

        if (!Enum.IsDefined(request.SortOrder) || !Enum.IsDefined(request.SortTarget))
        {
            throw EtcdErrors.InvalidSortOption;
        }
    }

    public static void Check(PutRequest request)
    {
        if (request.Key.IsEmpty)
        {
            throw EtcdErrors.EmptyKey;
        }

        if (request.IgnoreValue && !request.Value.IsEmpty)
        {
            throw EtcdErrors.ValueIsProvided;
        }

        if (request.IgnoreLease && request.Lease != 0)
        {
            throw EtcdErrors.LeaseIsProvided;
        }
    }

    public static void Check(DeleteRangeRequest request)
    {
        if (request.Key.IsEmpty)
        {
            throw EtcdErrors.EmptyKey;
        }
    }

    public static void Check(TxnRequest request, int maxOperations)
    {
        CheckForm(request, maxOperations);
        CheckDuplicates(request.Success);
        CheckDuplicates(request.Failure);
    }

    /// <summary>All it does is read; it need not go through the log.</summary>
    public static bool IsReadOnly(TxnRequest request) =>
        OnlyReads(request.Success, isSerializable: false) && OnlyReads(request.Failure, isSerializable: false);

    public static bool IsSerializable(TxnRequest request) =>
        OnlyReads(request.Success, isSerializable: true) && OnlyReads(request.Failure, isSerializable: true);

    private static bool OnlyReads(RepeatedField<RequestOp> branch, bool isSerializable)
    {
        foreach (RequestOp operation in branch)
        {
            if (operation.RequestRange is not { } range || (isSerializable && !range.Serializable))
            {
                return false;
            }
        }

        return true;
    }

    private static void CheckForm(TxnRequest request, int maxOperations)
    {
        int operations = Math.Max(request.Compare.Count, Math.Max(request.Success.Count, request.Failure.Count));
        if (operations > maxOperations)
        {
            throw EtcdErrors.TooManyOperations;
        }

        foreach (Compare compare in request.Compare)
        {
            if (compare.Key.IsEmpty)
            {
                throw EtcdErrors.EmptyKey;
            }
        }

        CheckForm(request.Success, maxOperations, operations);
        CheckForm(request.Failure, maxOperations, operations);
    }

    private static void CheckForm(RepeatedField<RequestOp> branch, int maxOperations, int operations)
    {
        foreach (RequestOp operation in branch)
        {
            switch (operation.RequestCase)
            {
                case RequestOp.RequestOneofCase.RequestRange:
                    Check(operation.RequestRange);
                    break;
                case RequestOp.RequestOneofCase.RequestPut:
                    Check(operation.RequestPut);
                    break;
                case RequestOp.RequestOneofCase.RequestDeleteRange:
                    Check(operation.RequestDeleteRange);
                    break;
                case RequestOp.RequestOneofCase.RequestTxn:
                    CheckForm(operation.RequestTxn, maxOperations - operations);
                    break;
                default:
                    throw EtcdErrors.KeyNotFound;
            }
        }
    }

    private static void CheckDuplicates(RepeatedField<RequestOp> branch)
    {
        int puts = 0, others = 0;
        foreach (RequestOp operation in branch)
        {
            puts += operation.RequestCase == RequestOp.RequestOneofCase.RequestPut ? 1 : 0;
            others += operation.RequestCase is RequestOp.RequestOneofCase.RequestTxn or RequestOp.RequestOneofCase.RequestDeleteRange ? 1 : 0;
        }

        // Most transactions write one key, and need no sets for that.
        if (others > 0 || puts > 1)
        {
            CheckDuplicates(branch, out _, out _);
        }
    }

    /// <summary>The rule on one branch, whose order of steps shows in what is allowed (spec 02 §5.3).</summary>
    private static void CheckDuplicates(RepeatedField<RequestOp> branch, out HashSet<ByteString> puts,
        out List<(ByteString Start, ByteString End)> deletes)
    {
        puts = [];
        deletes = [];
        foreach (RequestOp operation in branch)
        {
            if (operation.RequestDeleteRange is { } delete)
            {
                deletes.Add((delete.Key, delete.RangeEnd));
            }
        }

        foreach (RequestOp operation in branch)
        {
            if (operation.RequestTxn is not { } nested)
            {
                continue;
            }

            CheckDuplicates(nested.Success, out HashSet<ByteString> thenPuts, out List<(ByteString, ByteString)> thenDeletes);
            CheckDuplicates(nested.Failure, out HashSet<ByteString> elsePuts, out List<(ByteString, ByteString)> elseDeletes);
            thenPuts.UnionWith(elsePuts);
            foreach (ByteString key in thenPuts)
            {
                if (puts.Contains(key) || IsDeleted(key, deletes))
                {
                    throw EtcdErrors.DuplicateKey;
                }
            }

            puts.UnionWith(thenPuts);
            deletes.AddRange(thenDeletes);
            deletes.AddRange(elseDeletes);
        }

        foreach (RequestOp operation in branch)
        {
            if (operation.RequestPut is { } put && (IsDeleted(put.Key, deletes) || !puts.Add(put.Key)))
            {
                throw EtcdErrors.DuplicateKey;
            }
        }
    }

    private static bool IsDeleted(ByteString key, List<(ByteString Start, ByteString End)> deletes)
    {
        foreach ((ByteString start, ByteString end) in deletes)
        {
            if (end.IsEmpty ? key == start : key.Span.SequenceCompareTo(start.Span) >= 0
                && key.Span.SequenceCompareTo(end.Span) < 0)
            {
                return true;
            }
        }

        return false;
    }
}
