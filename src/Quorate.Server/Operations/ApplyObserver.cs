using System.Diagnostics;
using Quorate.Protocol;
using Quorate.Server.Operations.Metrics;
using Quorate.Server.Replication;

namespace Quorate.Server.Operations;

/// <summary>
/// Counts and times what is applied, and logs what takes too long (spec 06 §12.6, §15). Used by the applying thread alone.
/// </summary>
public sealed class ApplyObserver(MemberMetrics metrics, MemberOptions options)
{
    private readonly Dictionary<(string Operation, bool IsSuccess), Histogram> _times = [];
    private readonly Histogram _puts = metrics.ApplyTimes("Put", true);
    private readonly Histogram _txns = metrics.ApplyTimes("Txn", true);

    /// <param name="start">The time stamp at which applying it began.</param>
    public void Observe(InternalRaftRequest request, object? response, Exception? error, long start)
    {
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        TimesOf(request, error is null).Observe(took);
        if (took > options.WarningApplyDuration)
        {
            LogSlow(request, response, error, took);
        }

        if (error is not null)
        {
            return;
        }

        switch (response)
        {
            case PutResponse:
                CountPut(request.Put);
                break;
            case DeleteRangeResponse { Deleted: > 0 } deleted:
                metrics.Deletes.Add(deleted.Deleted);
                break;
            case TxnResponse txn:
                if (CountTxn(request.Txn, txn) > 1)
                {
                    metrics.Txns.Add();
                }

                break;
            case LeaseGrantResponse granted:
                metrics.LeasesGranted.Add();
                metrics.LeaseTtls.Observe(granted.TTL);
                break;
            case LeaseRevokeResponse:
                metrics.LeasesRevoked.Add();
                break;
            case AlarmResponse alarms when request.Alarm.Action != AlarmRequest.Types.AlarmAction.Get:
                foreach (AlarmMember alarm in alarms.Alarms)
                {
                    metrics.CountAlarm(alarm.MemberID, alarm.Alarm.ToString().ToUpperInvariant(),
                        request.Alarm.Action == AlarmRequest.Types.AlarmAction.Activate ? 1 : -1);
                }

                break;
        }
    }

    private Histogram TimesOf(InternalRaftRequest request, bool isSuccess)
    {
        if (isSuccess && request.Put is not null)
        {
            return _puts;
        }

        if (isSuccess && request.Txn is not null)
        {
            return _txns;
        }

        string operation = RequestName.Of(request);
        if (!_times.TryGetValue((operation, isSuccess), out Histogram? times))
        {
            _times[(operation, isSuccess)] = times = metrics.ApplyTimes(operation, isSuccess);
        }

        return times;
    }

    private void CountPut(PutRequest put)
    {
        metrics.Puts.Add();
        metrics.PutBytes.Add(put.Key.Length + put.Value.Length);
    }

    /// <summary>The operations that were run.</summary>
    private int CountTxn(TxnRequest request, TxnResponse response)
    {
        int count = 0;
        IList<RequestOp> branch = response.Succeeded ? request.Success : request.Failure;
        for (int index = 0; index < response.Responses.Count; index++)
        {
            ResponseOp answer = response.Responses[index];
            switch (answer.ResponseCase)
            {
                case ResponseOp.ResponseOneofCase.ResponsePut:
                    CountPut(branch[index].RequestPut);
                    count++;
                    break;
                case ResponseOp.ResponseOneofCase.ResponseDeleteRange:
                    metrics.Deletes.Add(answer.ResponseDeleteRange.Deleted);
                    count++;
                    break;
                case ResponseOp.ResponseOneofCase.ResponseRange:
                    metrics.Ranges.Add();
                    count++;
                    break;
                case ResponseOp.ResponseOneofCase.ResponseTxn:
                    count += CountTxn(branch[index].RequestTxn, answer.ResponseTxn);
                    break;
            }
        }

        return count;
    }

    private void LogSlow(InternalRaftRequest request, object? response, Exception? error, TimeSpan took)
    {
        metrics.SlowApplies.Add();
        (string, object?)[] fields =
        [
            ("took", GoDuration.Format(took)), ("expected-duration", GoDuration.Format(options.WarningApplyDuration)),
                ("prefix", ""),
            ("request", RequestText.Of(request)),
                ("response", response is Google.Protobuf.IMessage message ? $"size:{message.CalculateSize()}" : ""),
        ];
        options.Log?.Invoke("warn", "apply request took too long", error is null ? fields
            : [.. fields, ("error", RequestText.WithoutPrefix(error.Message))]);
    }
}
